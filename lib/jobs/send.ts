import { StoreError } from '../errors';
import type { Clock, Log, Queues, SentMessage } from '../ports';
import type { Ledger } from './ledger';
import { backInQueue } from './park';
import type { JobRow } from './row';
import { sent } from './transitions';

type MarkDeps = { ledger: Pick<Ledger, 'write'>; clock: Clock; log: Log };

/** Sends the message of an open job. If the caller dies before the mark, the reconciler sends it again without harm. */
export async function sendOpen(
  deps: MarkDeps &
    Parameters<typeof backInQueue>[0] & { queues: Pick<Queues, 'send'>; queueUrl: (queue: string) => string },
  row: JobRow,
  body: string,
): Promise<SentMessage> {
  const message = await deps.queues.send(deps.queueUrl(row.queue), backInQueue(deps, { row, body }));
  await markSent(deps, row, message);
  return message;
}

/** Marks a row as sent. Never rejects with a StoreError, because the message is sent and a claim needs no mark. */
export async function markSent(
  { ledger, clock, log }: MarkDeps,
  row: JobRow,
  { messageId, sequenceNumber: sequence }: SentMessage,
): Promise<void> {
  try {
    // If a worker has claimed the job, the table refuses this version.
    await ledger.write(sent(row, { at: clock.now(), messageId, sequence }), row.version);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn('could not mark the job as sent', { queue: row.queue, jobId: row.id, code: error.code });
  }
}
