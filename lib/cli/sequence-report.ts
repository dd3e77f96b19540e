import { type Damage, damageIn } from '../analytics/damage';
import { type Sequences, sequences } from '../analytics/gaps';
import { ANALYTICS_QUEUE } from '../jobs/keys';
import type { OperatorDeps } from '../ops/operator';
import { counted } from '../text';

/** `inQueue`: about how many messages are still in the queue. Missing messages may be among them. */
export interface NumberedMessages extends Sequences {
  inQueue: number;
  damage: Damage[];
}

const HOUR_MS = 3_600_000;

export async function numberedMessages(
  deps: OperatorDeps,
  { from, to, repair }: { from: number; to: number; repair: boolean },
): Promise<NumberedMessages> {
  const damage: Damage[] = [];
  for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < to; hour += HOUR_MS)
    damage.push(...(await damageIn(deps, { hour, repair })));
  const { visible, inFlight } = await deps.queues.depth(deps.queueUrl(ANALYTICS_QUEUE));
  return { ...(await sequences(deps, { from, to })), damage, inQueue: visible + inFlight };
}

export function sequenceLines({ stored, sources, gaps, unstored, inQueue, damage }: NumberedMessages): string[] {
  const missing = gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return [
    `  ${counted(stored, 'message')} of ${counted(sources, 'source')} stored, ${counted(unstored.length, 'other')} with a row, ${inQueue} in the queue`,
    ...(damage.length === 0 ? [] : [`  ${counted(damage.length, 'object')} not as written:`]),
    ...damage.map(({ key, problem, repaired }) => `    ${key}  ${problem}${repaired ? ', repaired' : ''}`),
    missing === 0 ? '  No gaps.' : `  ${counted(missing, 'message')} missing, unless still in the queue:`,
    ...gaps.map(({ source, first, last }) => `    ${source}  ${first === last ? first : `${first} to ${last}`}`),
  ];
}
