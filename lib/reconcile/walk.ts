import { StoreError } from '../errors';
import type { Clock, Queues, ReceivedMessage } from '../ports';
import { eachOf } from './each-of';

/** How long a walk keeps what it has seen out of everybody's sight, should it not come to put it back. */
const WALK_SECONDS = 300;
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
      const messages = await queues.receive(url, { max: BATCH, visibilitySeconds: WALK_SECONDS });
      fruitless = messages.length === 0 ? fruitless + 1 : 0;
      const fresh = messages.filter(({ messageId }) => !handles.has(messageId));
      for (const { messageId, receiptHandle } of messages) handles.set(messageId, receiptHandle);
      if (!fresh.every(look)) return true;
    }
    return true;
  } finally {
    await eachOf([...handles.values()], AT_ONCE, (handle) =>
      queues.changeVisibility(url, handle, 0).catch((error: unknown) => {
        // It comes back by itself.
        if (!(error instanceof StoreError)) throw error;
      }),
    );
  }
}
