import { StoreError } from '../errors';
import { LeaseLostError } from '../jobs/ledger';
import { storedError } from '../jobs/stored-error';
import { giveBack } from '../jobs/transitions';
import type { Incoming } from './delivery';
import type { Deadline, WorkerDeps } from './deps';
import type { Lease } from './lease';

/** What one write takes, and some. */
const LEAST_MS = 200;

/**
 * Does something with a job that is ours; where the bucket or a queue does not take it, the job is given back before
 * the error goes on. Left with its lease it would be taken for one that killed its process, and parked for that.
 */
export async function orGiveUp<T>(
  { clock }: Pick<WorkerDeps, 'clock'>,
  { lease, message, deadline }: { lease: Lease; message: Incoming; deadline: Deadline },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // In the time that is kept for writing down what happened.
    const inTime = deadline.at - clock.now() > LEAST_MS;
    if (error instanceof StoreError && !(error instanceof LeaseLostError) && inTime) await giveUp(error);
    throw error;
  }

  async function giveUp(error: StoreError): Promise<void> {
    const at = clock.now();
    const entry = { at, messageId: message.messageId, error: storedError(error) };
    try {
      await lease.abandon((row) => giveBack(row, entry));
    } catch (second) {
      // The table is down as well: nothing can be written at all.
      if (!(second instanceof StoreError)) throw second;
    }
  }
}
