import { PermanentError } from '../errors';
import { belongs } from './body';
import type { Ledger } from './ledger';
import { type NotFirst, permission } from './permission';
import { type Delivery, type JobRow, type StoredError, storedError } from './row';
import { claim as taken } from './transitions';

/** After so many crashed runs in a row a job counts as a poison message. */
export const CRASH_LOOP_RUNS = 2;
/** After so many crashed runs in all it does too, even if the job waited in between. */
const MOST_CRASHES = 3;

export type Claim =
  /** This run has the job until the lease ends. The claim stored the start of the step `begun`. */
  | { kind: 'claimed'; row: JobRow; begun: string | undefined }
  /** The message opens nothing, because the job has left the queue. Only missing writes are to be completed. */
  | { kind: 'late'; row: JobRow }
  /** Another run, of the delivery `by`, has the job until `until`, in ms since 1970. */
  | { kind: 'busy'; until: number; by: Delivery | undefined }
  /** The last run crashed, perhaps because of another job. The job must run while no other job runs. */
  | { kind: 'suspected crash' }
  /** The job's runs crashed while no other job ran. This run has the job, and must park it. */
  | { kind: 'must-park'; row: JobRow }
  /** The id belongs to a job with another payload. */
  | { kind: 'conflict' }
  | NotFirst;

export interface FirstStep {
  name: string;
  hash?: string;
}

export interface ClaimRequest {
  key: string;
  /** The row if nothing has happened to the job, made from its message. Missing if something may have happened. */
  blank?: JobRow | undefined;
  fresh: () => Promise<JobRow | NotFirst>;
  attributes?: Record<string, string>;
  /** Only an attribute names the job. */
  named?: true | undefined;
  /** `undefined`: the job's body is lost, so the message names its job only. */
  payloadHash: string | undefined;
  delivery: Delivery;
  token: string;
  leaseUntil: number;
  /** Whether no other job runs in this invocation. */
  alone: boolean;
  /** The first step of a job that has done nothing, if the claim may store its start. */
  first?: ((row: JobRow) => FirstStep | undefined) | undefined;
  now: () => number;
}

/** Claims a job for this run by a conditional write, or returns why that is not possible. */
export async function claim(ledger: Ledger, request: ClaimRequest): Promise<Claim> {
  const { key, blank, payloadHash, delivery, alone, now, token } = request;
  let begun: string | undefined;
  const started = (row: JobRow): JobRow => {
    const lease = { token, until: request.leaseUntil, messageId: delivery.messageId, alone };
    const next = taken(row, { at: now(), delivery, lease });
    const first = mayBegin(next) ? request.first?.(next) : undefined;
    begun = first?.name;
    if (!first) return next;
    const { name, hash } = first;
    return { ...next, steps: { [name]: { status: 'started', startedAt: now(), ...(hash ? { hash } : {}) } } };
  };

  const unread = blank && (await ledger.claimUnread(blank, started(blank)));
  if (unread) return ours(unread, begun);
  for (let stored = await ledger.get(key); ; ) {
    const row = stored ?? (await request.fresh());
    if ('kind' in row) return row;
    if (!belongs(row, payloadHash)) return { kind: 'conflict' };
    // This run has the job already. The answer to an earlier write was lost.
    if (row.lease?.token === token) return ours(row, begun);
    const allowed = permission(row, { messageId: delivery.messageId, attributes: request.attributes ?? {} }, request);
    if (allowed !== 'run') return { kind: allowed, row };
    const { lease, deliveries } = row;
    if (row.state === 'processing' && lease && lease.until > now()) {
      const by = deliveries.findLast(({ messageId }) => messageId === lease.messageId);
      return { kind: 'busy', until: lease.until, by };
    }
    if (row.state === 'processing' && !alone) return { kind: 'suspected crash' };
    const result = await ledger.write(started(row), stored?.version ?? 0);
    if (result.written) return ours(result.item, begun);
    stored = result.stored;
  }
}

/** A job that has done anything, or that crashed, is claimed without a start. */
const mayBegin = ({ steps, crashes }: JobRow): boolean => Object.keys(steps).length === 0 && crashes === 0;

export const CRASH_LOOP: StoredError = storedError(
  new PermanentError({ code: 'CrashLoop', message: 'the last runs of this job ended without any outcome' }),
);

/**
 * Only crashes stop a job from running. Used-up attempts do not, because the last outcome decided that the
 * job goes on. Since then the setting for attempts may have changed, or evidence may have proved an unknown step.
 */
function ours(row: JobRow, begun: string | undefined): Claim {
  const crashed = row.crashes > 0;
  const loops = row.crashes >= CRASH_LOOP_RUNS || (crashed && (row.crashesSinceOpened ?? 0) >= MOST_CRASHES);
  return loops ? { kind: 'must-park', row } : { kind: 'claimed', row, begun };
}
