import { hash } from 'node:crypto';
import { SqsError } from './errors';
import type { Queue, Remembered } from './queue';

/** A FIFO queue remembers a deduplication id for five minutes after the first send, even if the message is deleted. */
const WINDOW_MS = 5 * 60_000;

/** The given id, or the hash of the body if the queue allows that. Attributes do not count. */
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

/** The message that the queue accepted under this id within the window. SQS answers a repeat with its ids. */
export function recall(queue: Queue, identity: Identity, now: number): Remembered | undefined {
  // A Map keeps insertion order, so the expired entries come first.
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
