import { type Finding, findings } from './check';
import { read, type Source } from './read';

export interface Verified {
  findings: Finding[];
  /** Queues of which another reader hid DLQ entries. Nothing can be said about those entries. */
  hidden: string[];
}

/**
 * What breaks a promise in the hours from `from` to `to`, in ms since 1970. Jobs go on meanwhile, so it reads everything
 * again before it reports a finding.
 */
export async function verify(source: Source, hours: { from: number; to: number }): Promise<Verified> {
  const snapshot = await read(source, hours);
  const hidden = [...snapshot.hidden];
  const found = findings(snapshot);
  if (found.length === 0) return { findings: found, hidden };
  const again = findings(await read(source, hours));
  const stays = ({ kind, id }: Finding) => found.some((first) => first.kind === kind && first.id === id);
  return { findings: again.filter(stays), hidden };
}
