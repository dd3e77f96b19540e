import { keepBody } from '../jobs/body';
import type { CancelledReason, DeadReason, HeldReason, JobRow, StoredError } from '../jobs/row';
import { hold, park, retry, stop, succeed } from '../jobs/transitions';
import type { Incoming } from './delivery';
import type { WorkerDeps } from './deps';
import type { Lease } from './lease';

/** What happens to the message: it is acknowledged, or it comes back after `visibilityMs`. */
export type Disposition =
  | { acknowledge: true; row?: JobRow /** A job that was done without a row. */; direct?: { id: string; time: number } }
  | { acknowledge: false; visibilityMs: number; row?: JobRow };

/** Why a run had no success. `vendorFailed`: a vendor failed, and refused neither us nor the job. */
interface Failure {
  error: StoredError;
  vendorFailed?: boolean;
}

/** The possible outcomes of a run. Each writes the outcome and gives the lease up in one write. */
export interface Outcomes {
  succeed(result: unknown): Promise<JobRow>;
  /** The message stays in the queue and comes back. */
  retry(options: Failure & { counts: boolean; waitMs: number }): Promise<JobRow>;
  /** The job leaves the queue until the reconciler releases it. */
  hold(options: Partial<Failure> & { counts: boolean; waitMs: number; reason: HeldReason }): Promise<JobRow>;
  park(options: Failure & { reason: DeadReason; counts: boolean }): Promise<JobRow>;
  /** Its campaign was cancelled, or a later command replaced it, whose job `note` names. */
  cancel(options: { reason: CancelledReason; note?: string | undefined }): Promise<JobRow>;
}

export function outcomes(
  { objects, clock, prefix }: Pick<WorkerDeps, 'objects' | 'clock' | 'prefix'>,
  { lease, message, body }: { lease: Lease; message: Incoming; body: string },
): Outcomes {
  /** Stores the body first, because a row must not say that a body is kept before it is. */
  async function leave(change: (row: JobRow, bodyKept: boolean) => JobRow): Promise<JobRow> {
    const { queue, id, bodyKept, canary } = lease.row();
    if (!canary && !bodyKept) await keepBody({ objects, prefix }, { queue, id }, body);
    return lease.release((row) => change(row, !canary));
  }
  const run = () => ({ at: clock.now(), messageId: message.messageId });

  return {
    succeed: (result) => lease.release((row) => succeed(row, { ...run(), result })),
    retry: (options) => lease.release((row) => retry(row, { ...run(), ...options })),
    hold: (options) => leave((row, bodyKept) => hold(row, { ...run(), ...options, bodyKept })),
    cancel: ({ reason, note }) => lease.release((row) => stop(row, { ...run(), reason, note })),
    park: (options) => leave((row, bodyKept) => park(row, { ...run(), ...options, bodyKept })),
  };
}
