import { type JobError, TransientError, type Vendor } from '../errors';
import type { JobRow } from '../jobs/row';
import { LONGEST_RETRY_MS, VENDOR_DOWN, workedForOthers } from '../limits/circuit';
import type { Decision } from './decide';
import type { WorkerDeps } from './deps';

/** A decision that ends a run. */
export type Final = Exclude<Decision, { kind: 'again' | 'report' | 'spent' }>;

/**
 * Decides on a job after its vendor has failed. A job with spent attempts is parked if the vendor has worked for another
 * job since this job's first failure, because then the job is the cause. Otherwise it is held until the vendor works. A
 * job whose trial call fails is held too. The hold ends with the queue's retention, counted from the first failure.
 */
export async function inOutage(
  { circuits, clock, settings }: Pick<WorkerDeps, 'circuits' | 'clock' | 'settings'>,
  {
    row,
    decision,
    failure,
  }: { row: JobRow; decision: Final | { kind: 'spent' }; failure: JobError & { vendor: Vendor } },
): Promise<Final> {
  const now = clock.now();
  const { id, queue, failingSince = now } = row;
  const { vendor } = failure;
  if (decision.kind === 'spent') {
    if (workedForOthers(await circuits.read(vendor), { job: id, since: failingSince })) return { kind: 'park' };
  } else if (decision.kind !== 'hold' || decision.reason !== 'stopped') return decision;
  // The next trial call would come too late.
  if (now + LONGEST_RETRY_MS >= failingSince + settings(queue).retention * 1000)
    return { kind: 'park', error: vendorDown(failure) };
  return { kind: 'hold', reason: 'stopped', waitMs: 0, counts: false };
}

/** The error of a job that an outage of its vendor has ended. */
const vendorDown = (failure: JobError & { vendor: Vendor }): JobError =>
  new TransientError({
    code: VENDOR_DOWN,
    message: `the vendor has failed for as long as the queue keeps a message (${failure.code})`,
    vendor: failure.vendor,
    cause: failure,
  });
