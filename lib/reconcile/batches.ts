import { type JobError, StoreError } from '../errors';
import { MAX_MESSAGE_BYTES, messageBytes } from '../jobs/park';
import type { BatchEntry, BatchQueues, OutgoingMessage, Queues } from '../ports';

/** The most messages that SQS takes in a batch. All of them together may be as large as one message. */
const MOST_ENTRIES = 10;

interface Pending {
  message: OutgoingMessage;
  sent: (answer: { messageId: string }) => void;
  failed: (error: Error) => void;
}

/**
 * Sends messages in batches if they are sent at the same time, because SQS takes 300 calls a second for a FIFO queue.
 * While one batch of a queue is being sent, the next one fills. A batch has at most one message of a group. So if SQS
 * refuses a message, no later message of its group overtakes it.
 */
export function inBatches(queues: Queues & BatchQueues): Queues & BatchQueues {
  const waiting = new Map<string, Pending[]>();

  async function sendAll(url: string, pending: Pending[]): Promise<void> {
    // Messages that are sent in the same tick join the first batch.
    await undefined;
    while (pending.length > 0) await sendOne(url, takeBatch(pending));
    waiting.delete(url);
  }

  async function sendOne(url: string, batch: Pending[]): Promise<void> {
    try {
      const [first] = batch;
      if (first && batch.length === 1) return first.sent(await queues.send(url, first.message));
      const entries = await queues.sendBatch(
        url,
        batch.map(({ message }) => message),
      );
      for (const [index, { sent, failed }] of batch.entries()) {
        const entry = entries[index] ?? { sent: false, code: 'SQS.NoAnswer' };
        if (entry.sent) sent(entry);
        else failed(refused(entry));
      }
    } catch (error) {
      for (const { failed } of batch) failed(error as Error);
    }
  }

  return {
    ...queues,
    send: (url, message) =>
      new Promise((sent, failed) => {
        const pending = waiting.get(url) ?? [];
        pending.push({ message, sent, failed });
        if (waiting.has(url)) return;
        waiting.set(url, pending);
        void sendAll(url, pending);
      }),
  };
}

/** Takes the first message of each group, as many as fit. */
function takeBatch(pending: Pending[]): Pending[] {
  const groups = new Set<string>();
  const batch: Pending[] = [];
  let bytes = 0;
  for (const next of [...pending]) {
    const { groupId } = next.message;
    if (batch.length === MOST_ENTRIES) break;
    if (groupId !== undefined && groups.has(groupId)) continue;
    if (groupId !== undefined) groups.add(groupId);
    const size = messageBytes(next.message);
    if (batch.length > 0 && bytes + size > MAX_MESSAGE_BYTES) continue;
    bytes += size;
    batch.push(next);
    pending.splice(pending.indexOf(next), 1);
  }
  return batch;
}

const refused = ({ code }: Extract<BatchEntry, { sent: false }>): JobError =>
  new StoreError({ code, message: 'SQS refused a message of a batch' });
