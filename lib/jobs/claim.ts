import { PermanentError } from '../errors';
import { crashedRuns } from './history';
import type { Ledger } from './ledger';
import type { Delivery, JobRow } from './row';
import { mayFollow, claim as taken } from './transitions';

/** Runs without any outcome, in a row, after which a job is taken for one that kills its worker … */
export const CRASH_LOOP_RUNS = 2;
/** … and in all, however often it had to wait between them. */
const MOST_CRASHES = 3;

export type Claim =
  /** The job is ours until the lease ends. */
  | { kind: 'claimed'; row: JobRow }
  /** Nothing to run: the job has ended, or it left the queue from this very message. Complete what is missing. */
  | { kind: 'late'; row: JobRow }
  /** Another run holds it, from this message, until then in ms since 1970. */
  | { kind: 'busy'; until: number; messageId: string }
  /** Its last run ended without a word, perhaps by another's doing: to be run with nothing beside it. */
  | { kind: 'suspect' }
  /** Its runs, alone, ended without a word: to be parked, not run. The row is ours. */
  | { kind: 'crash-loop'; row: JobRow }
  /** The row is in a state that no run may start from: damaged, or written by newer code. */
  | { kind: 'refused'; row: JobRow }
  /** The id belongs to a job with another payload. */
  | { kind: 'conflict' };

export interface ClaimRequest {
  key: string;
  /** Makes the row where there is none. */
  fresh: () => Promise<JobRow>;
  payloadHash: string;
  delivery: Delivery;
  token: string;
  leaseUntil: number;
  /** No other job runs in this invocation. */
  alone: boolean;
  now: () => number;
}

/** Takes a job for this run, by a conditional write, or says why not. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<Claim> {
  const { key, payloadHash, delivery, alone, now, token } = request;
  for (;;) {
    const stored = await ledger.get(key);
    const row = stored ?? (await request.fresh());
    if (row.payloadHash !== payloadHash) return { kind: 'conflict' };
    // Ours already: the answer of an earlier try was lost.
    if (row.lease?.token === token) return ours(row);
    if (row.left.includes(delivery.messageId)) return { kind: 'late', row };
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

/** The reason of a job that was parked because it kills whatever runs it. */
export const crashLoop = (): PermanentError =>
  new PermanentError({ code: 'CrashLoop', message: 'the last runs of this job ended without any outcome' });

/**
 * Only crashes keep a job from being run. Where its last run had an outcome, that outcome decided that it goes on: the
 * attempts that are left may be fewer by now, or a step that was unknown be proven.
 */
function ours(row: JobRow): Claim {
  const crashed = row.silent > 0;
  const loops = row.silent >= CRASH_LOOP_RUNS || (crashed && crashedRuns(row) >= MOST_CRASHES);
  return { kind: loops ? 'crash-loop' : 'claimed', row };
}
