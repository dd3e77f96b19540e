import { eachOf } from '../concurrency';
import { StoreError } from '../errors';
import type { Queues, ReceivedMessage } from '../ports';

/** The most messages that SQS gives or takes in one call. */
const BATCH = 10;
/** A short poll asks only some of SQS's servers, so one empty answer does not prove that the queue is empty. */
const FRUITLESS_RECEIVES = 3;
/** SQS takes 300 calls of a kind each second for a FIFO queue, so only a few run at once. */
const CALLS_AT_ONCE = 4;
const SHORTEST_WALK_MS = 5 * 60_000;
/** SQS hides a message for at most twelve hours after its receive. */
const LONGEST_WALK_MS = 11 * 3_600_000;

/** `ms`, within the limits: how long all that a walk has seen must stay hidden. */
export const walkMs = (ms: number): number => Math.min(LONGEST_WALK_MS, Math.max(SHORTEST_WALK_MS, ms));

/** Receives the messages of a DLQ and hides them for some seconds. Returns whether it reached the end of the queue. */
export async function receiveAll(
  queues: Queues,
  { url, seconds, mayGoOn }: { url: string; seconds: number; mayGoOn: () => boolean },
  act: (messages: ReceivedMessage[]) => Promise<void>,
): Promise<boolean> {
  for (let fruitless = 0; fruitless < FRUITLESS_RECEIVES; ) {
    if (!mayGoOn()) return false;
    const messages = await queues.receive(url, { max: BATCH, visibilitySeconds: seconds }).catch((error: unknown) => {
      // With too many messages in flight, a FIFO queue returns nothing and a standard queue refuses.
      if (error instanceof StoreError && error.code === 'SQS.OverLimit') return [];
      throw error;
    });
    fruitless = messages.length === 0 ? fruitless + 1 : 0;
    const { whole, cut } = wholeGroups(messages);
    const handles = cut.map(({ receiptHandle }) => receiptHandle);
    await Promise.all([act(whole), showIn(queues, { url, handles, seconds: 0 })]);
  }
  return true;
}

/**
 * Cuts the last group off a full batch, because more messages of that group may follow. A received message hides the
 * rest of its group. So two entries of one job would never be seen together if the first one is the tenth of its batch.
 * A group of more than ten messages cannot be received as a whole.
 */
function wholeGroups(messages: ReceivedMessage[]): { whole: ReceivedMessage[]; cut: ReceivedMessage[] } {
  const last = messages.at(-1)?.groupId;
  const whole = messages.filter(({ groupId }) => groupId !== last);
  if (messages.length < BATCH || last === undefined || whole.length === 0) return { whole: messages, cut: [] };
  return { whole, cut: messages.filter(({ groupId }) => groupId === last) };
}

/** Makes messages visible again after some seconds. If SQS refuses, they return when their timeout ends. */
export async function showIn(
  queues: Queues,
  { url, handles, seconds }: { url: string; handles: readonly string[]; seconds: number },
): Promise<void> {
  const batches = Array.from({ length: Math.ceil(handles.length / BATCH) }, (_, index) =>
    handles.slice(index * BATCH, (index + 1) * BATCH),
  );
  await eachOf(batches, CALLS_AT_ONCE, (batch) =>
    queues.changeVisibilityBatch(url, batch, seconds).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    }),
  );
}
