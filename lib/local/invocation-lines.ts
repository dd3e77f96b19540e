import type { Invocation } from './lambda/environment';

/** Fields that are always the same or already on the line. */
const hidden = new Set(['level', 'message', 'timestamp', 'service', 'sampling_rate', 'queue']);

/** The terminal lines of an invocation: its log without metrics and canaries, and how it failed. */
export function invocationLines({ function: name, result, ms, cold, log }: Invocation): string[] {
  const lines = log.flatMap((line) => {
    const json = parse(line);
    if (!json) return [`${name}  ${line}`];
    if ('_aws' in json || (json.canary === true && json.level === 'INFO')) return [];
    const facts = Object.entries(json)
      .filter(([key]) => !hidden.has(key))
      .map(([key, value]) => `${key}=${String(value)}`);
    return [`${name}  ${String(json.message)}  ${facts.join(' ')}`];
  });
  if (result.kind === 'answer') return lines;
  return [...lines, `${name}  failed (${result.reason}) after ${ms} ms${cold ? ' (cold start)' : ''}`];
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
