import { type Sequences, sequences } from '../analytics/gaps';
import { ANALYTICS_QUEUE } from '../analytics/message';
import type { OperatorDeps } from '../ops/operator';
import { counted } from '../text';

/** `inQueue`: about how many messages are still in the queue. Missing messages may be among them. */
export interface NumberedMessages extends Sequences {
  inQueue: number;
}

export async function numberedMessages(
  deps: OperatorDeps,
  hours: { from: number; to: number },
): Promise<NumberedMessages> {
  const { visible, inFlight } = await deps.queues.depth(deps.queueUrl(ANALYTICS_QUEUE));
  return { ...(await sequences(deps, hours)), inQueue: visible + inFlight };
}

export function sequenceLines({ stored, sources, gaps, unstored, inQueue }: NumberedMessages): string[] {
  const missing = gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return [
    `  ${counted(stored, 'message')} of ${counted(sources, 'source')} stored, ${counted(unstored.length, 'other')} with a row, ${inQueue} in the queue`,
    missing === 0 ? '  No gaps.' : `  ${counted(missing, 'message')} missing, unless still in the queue:`,
    ...gaps.map(({ source, first, last }) => `    ${source}  ${first === last ? first : `${first} to ${last}`}`),
  ];
}
