import { PermanentError } from '../errors';
import { crashedRuns } from './history';
import type { Ledger } from './ledger';
import type { Delivery, JobRow } from './row';
import { mayFollow, claim as taken } from './transitions';

/** After so many crashed runs in a row a job counts as a poison message … */
export const CRASH_LOOP_RUNS = 2;
/** … and after so many in all, even if the job waited in between. */
const MOST_CRASHES = 3;

export type Claim =
  /** This run has the job until the lease ends. */
  | { kind: 'claimed'; row: JobRow }
  /** The job has ended, or it left the queue from this message. Only missing writes are to be completed. */
  | { kind: 'late'; row: JobRow }
  /** Another run, from the message `messageId`, has the job until `until`, in ms since 1970. */
  | { kind: 'busy'; until: number; messageId: string }
  /** The last run crashed, perhaps because of another job. The job must run while no other job runs. */
  | { kind: 'suspect' }
  /** The job's runs crashed while no other job ran. This run has the job, and must park it. */
  | { kind: 'crash-loop'; row: JobRow }
  /** No run may start from the row's state. The row is damaged, or newer code wrote it. */
  | { kind: 'refused'; row: JobRow }
  /** The id belongs to a job with another payload. */
  | { kind: 'conflict' };

export interface ClaimRequest {
  key: string;
  /** Makes the row if the table has none. */
  fresh: () => Promise<JobRow>;
  payloadHash: string;
  delivery: Delivery;
  token: string;
  leaseUntil: number;
  /** Whether no other job runs in this invocation. */
  alone: boolean;
  now: () => number;
}

/** Claims a job for this run by a conditional write, or answers why that is not possible. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<Claim> {
  const { key, payloadHash, delivery, alone, now, token } = request;
  for (;;) {
    const stored = await ledger.get(key);
    const row = stored ?? (await request.fresh());
    if (row.payloadHash !== payloadHash) return { kind: 'conflict' };
    // This run has the job already. The answer to an earlier write was lost.
    if (row.lease?.token === token) return ours(row);
    if (row.spentMessageIds.includes(delivery.messageId)) return { kind: 'late', row };
    if (row.state === 'succeeded' || (row.state === 'cancelled' && row.reason === 'operator'))
      return { kind: 'late', row };
    if (row.state === 'processing' && row.lease && row.lease.until > now())
      return { kind: 'busy', until: row.lease.until, messageId: row.lease.messageId };

    if (row.state === 'processing' && !alone) return { kind: 'suspect' };
    if (!mayFollow(row, 'claim')) return { kind: 'refused', row };
    const lease = { token, until: request.leaseUntil, messageId: delivery.messageId, alone };
    const next = taken(row, { at: now(), delivery, lease });
    const result = await ledger.write(next, stored?.version ?? 0);
    if (result.written) return ours(result.item);
  }
}

/** The error of a job that was parked as a poison message. */
export const crashLoop = (): PermanentError =>
  new PermanentError({ code: 'CrashLoop', message: 'the last runs of this job ended without any outcome' });

/**
 * Only crashes stop a job from running. Used-up attempts do not, because the last outcome decided that the job goes on.
 * Since then the setting for attempts may have changed, or evidence may have proved an unknown step.
 */
function ours(row: JobRow): Claim {
  const crashed = row.crashes > 0;
  const loops = row.crashes >= CRASH_LOOP_RUNS || (crashed && crashedRuns(row) >= MOST_CRASHES);
  return { kind: loops ? 'crash-loop' : 'claimed', row };
}
