import { hash } from 'node:crypto';
import { SqsError } from './errors';
import type { Queue } from './queue';

/** How long a FIFO queue knows a deduplication id again, counted from the first send, whatever became of the message. */
const WINDOW_MS = 5 * 60_000;

export interface Remembered {
  messageId: string;
  sequenceNumber: string;
  until: number;
}

/** The id to deduplicate by: the given one, or, where the queue allows it, the body's hash. Attributes do not count. */
export function deduplicationIdOf(queue: Queue, given: string | undefined, body: string): string {
  if (given !== undefined) return given;
  if (queue.settings.contentBasedDeduplication) return hash('sha256', body);
  throw new SqsError(
    'InvalidParameterValue',
    'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
  );
}

export interface Identity {
  groupId: string;
  deduplicationId: string;
}

const keyOf = (queue: Queue, { groupId, deduplicationId }: Identity): string =>
  queue.settings.deduplicationScope === 'messageGroup' ? `${groupId} ${deduplicationId}` : deduplicationId;

/** The message that was accepted under this id within the window, if any: a repeat is answered as if it were that one. */
export function recall(queue: Queue, identity: Identity, now: number): Remembered | undefined {
  // Insertion order is order of time: what has run out stands at the front.
  for (const [key, { until }] of queue.remembered) {
    if (until > now) break;
    queue.remembered.delete(key);
  }
  return queue.remembered.get(keyOf(queue, identity));
}

export function remember(queue: Queue, { now, ...message }: Identity & Omit<Remembered, 'until'> & { now: number }) {
  const { messageId, sequenceNumber } = message;
  queue.remembered.set(keyOf(queue, message), { messageId, sequenceNumber, until: now + WINDOW_MS });
}
