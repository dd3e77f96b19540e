import { type Finding, findings } from './check';
import { read, type Source } from './read';

/**
 * What breaks a promise in the hours from `from` to `to`, in ms since 1970. Jobs go on meanwhile, so it reads everything
 * again before it reports a finding.
 */
export async function verify(source: Source, hours: { from: number; to: number }): Promise<Finding[]> {
  const found = findings(await read(source, hours));
  if (found.length === 0) return found;
  const again = findings(await read(source, hours));
  return again.filter(({ kind, id }) => found.some((first) => first.kind === kind && first.id === id));
}
