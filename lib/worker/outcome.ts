import { ignoreStoreError, StoreError } from '../errors';
import { keepBody } from '../jobs/body';
import { LeaseLostError } from '../jobs/ledger';
import {
  type CancelledReason,
  type DeadReason,
  type HeldReason,
  type JobRow,
  type StoredError,
  storedError,
} from '../jobs/row';
import { giveBack, hold, park, retry, stop, succeed } from '../jobs/transitions';
import type { DeliveryRun, Incoming, WorkerDeps } from './deps';
import type { Lease } from './lease';

/** What happens to the message: it is acknowledged, or it comes back after `visibilityMs`. */
export type Disposition =
  | { acknowledge: true; row?: JobRow /** A job that was done without a row. */; direct?: { id: string; time: number } }
  | { acknowledge: false; visibilityMs: number; row?: JobRow };

/** How a run ends. `counts`: whether it was an attempt. `note`: the later job that replaced this one. */
type End =
  | { kind: 'succeed'; result: unknown }
  | { kind: 'retry'; waitMs: number; counts: boolean }
  | { kind: 'hold'; reason: HeldReason; waitMs: number; counts: boolean }
  | { kind: 'park'; reason: DeadReason; counts: boolean }
  | { kind: 'cancel'; reason: CancelledReason; note?: string };

/** Writes a run's end and gives up its lease, in one write. `vendorFailed`: a vendor failed, and refused nothing. */
export async function endRun(
  { deps, lease, message, body }: { deps: WorkerDeps; lease: Lease; message: Incoming; body: string },
  end: End & { error?: StoredError; vendorFailed?: boolean },
): Promise<JobRow> {
  const { queue, id, bodyKept, canary } = lease.row();
  const leaves = end.kind === 'hold' || end.kind === 'park';
  // A row must not say that a body is kept before it is.
  if (leaves && !canary && !bodyKept) await keepBody(deps, { queue, id }, body);
  const run = { at: deps.clock.now(), messageId: message.messageId, bodyKept: !canary };
  return lease.release((row) => {
    switch (end.kind) {
      case 'succeed':
        return succeed(row, { ...run, ...end });
      case 'retry':
        return retry(row, { ...run, ...end });
      case 'hold':
        return hold(row, { ...run, ...end });
      case 'park':
        return park(row, { ...run, ...end });
      case 'cancel':
        return stop(row, { ...run, ...end });
    }
  });
}

const LEAST_MS = 200;

/**
 * Does work on a claimed job. If the bucket or a queue fails, it gives the job back and throws the error on. A job that
 * kept its lease would look like a crashed run, and could be parked for that.
 */
export async function orGiveUp<T>(
  { deps: { clock }, message, deadline }: Pick<DeliveryRun, 'deps' | 'message' | 'deadline'>,
  lease: Lease,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const at = clock.now();
    // The deadline keeps this time for the last writes.
    if (error instanceof StoreError && !(error instanceof LeaseLostError) && deadline.at - at > LEAST_MS) {
      const entry = { at, messageId: message.messageId, error: storedError(error) };
      // If the table is down as well, nothing can be written.
      await lease.abandon((row) => giveBack(row, entry)).catch(ignoreStoreError);
    }
    throw error;
  }
}
