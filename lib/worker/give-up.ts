import { StoreError } from '../errors';
import { LeaseLostError } from '../jobs/ledger';
import { storedError } from '../jobs/stored-error';
import { giveBack } from '../jobs/transitions';
import type { Incoming } from './delivery';
import type { Deadline, WorkerDeps } from './deps';
import type { Lease } from './lease';

/** Enough time for one write. */
const LEAST_MS = 200;

/**
 * Does work on a claimed job. If the bucket or a queue fails, it gives the job back and throws the error on. A job that
 * kept its lease would look like a crashed run, and could be parked for that.
 */
export async function orGiveUp<T>(
  { clock }: Pick<WorkerDeps, 'clock'>,
  { lease, message, deadline }: { lease: Lease; message: Incoming; deadline: Deadline },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The deadline keeps this time for the last writes.
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
      // The table is down as well, so nothing can be written.
      if (!(second instanceof StoreError)) throw second;
    }
  }
}
