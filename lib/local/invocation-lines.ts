import type { Invocation } from './lambda/environment';

/** Of no use on a terminal: always the same, or said already. */
const left = new Set(['level', 'message', 'timestamp', 'service', 'sampling_rate', 'queue']);

/**
 * An invocation as lines for a terminal: what its log says, without metrics and canaries; nothing where it had nothing
 * to say and ended well.
 */
export function invocationLines({ function: name, result, ms, cold, log }: Invocation): string[] {
  const lines = log.flatMap((line) => {
    const json = parse(line);
    if (!json) return [`${name}  ${line}`];
    if ('_aws' in json || (json.canary === true && json.level === 'INFO')) return [];
    const facts = Object.entries(json)
      .filter(([key]) => !left.has(key))
      .map(([key, value]) => `${key}=${String(value)}`);
    return [`${name}  ${String(json.message)}  ${facts.join(' ')}`];
  });
  if (result.kind === 'answer') return lines;
  return [...lines, `${name}  ended by ${result.reason} after ${ms} ms${cold ? ' (cold start)' : ''}`];
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
