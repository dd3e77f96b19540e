import { StoreError } from '../errors';
import type { Clock, Queues, ReceivedMessage } from '../ports';
import { eachOf } from './each-of';

/** How long a walk keeps what it has seen out of everybody's sight, should it not come to put it back. */
const WALK_SECONDS = 300;
/** The most that SQS gives at once. */
const BATCH = 10;
/** A short poll asks some of SQS's servers only: an empty answer does not say that nothing is there. */
const FRUITLESS_RECEIVES = 3;
const AT_ONCE = 10;

/**
 * Shows every message of a DLQ once and puts all back; `look` ends the walk with `false`. Answers whether it came to
 * the end of the queue while what it had seen was still out of its way.
 */
export async function walkDeadLetters(
  { queues, clock }: { queues: Queues; clock: Clock },
  url: string,
  look: (message: ReceivedMessage) => boolean,
): Promise<boolean> {
  const handles = new Map<string, string>();
  const end = clock.now() + WALK_SECONDS * 1000;
  try {
    for (let fruitless = 0; fruitless < FRUITLESS_RECEIVES; ) {
      if (clock.now() >= end) return false;
      const messages = await receiveGroups(queues, url, WALK_SECONDS);
      fruitless = messages.length === 0 ? fruitless + 1 : 0;
      const fresh = messages.filter(({ messageId }) => !handles.has(messageId));
      for (const { messageId, receiptHandle } of messages) handles.set(messageId, receiptHandle);
      if (!fresh.every(look)) return true;
    }
    return true;
  } finally {
    await eachOf([...handles.values()], AT_ONCE, (handle) => showIn(queues, url, handle, 0));
  }
}

/**
 * The next messages of a DLQ that is looked through, no group cut off after a full batch: what is received hides the
 * rest of its group for as long as the walk holds it. Two entries of one job, of which the first lies tenth, would never
 * be seen together otherwise. Only a group of more than ten cannot be had whole.
 */
export async function receiveGroups(
  queues: Queues,
  url: string,
  visibilitySeconds: number,
): Promise<ReceivedMessage[]> {
  const messages = await queues.receive(url, { max: BATCH, visibilitySeconds });
  const last = messages.at(-1)?.groupId;
  const whole = messages.filter(({ groupId }) => groupId !== last);
  if (messages.length < BATCH || last === undefined || whole.length === 0) return messages;
  for (const { groupId, receiptHandle } of messages) if (groupId === last) await showIn(queues, url, receiptHandle, 0);
  return whole;
}

/** Lets a message be seen again in so many seconds; where that cannot be set it comes back by itself. */
export async function showIn(queues: Queues, url: string, receiptHandle: string, seconds: number): Promise<void> {
  await queues.changeVisibility(url, receiptHandle, seconds).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
  });
}
