import { StoreError } from '../errors';
import { type Envelope, sendable } from '../jobs/envelope';
import { bodyKey, jobKey } from '../jobs/keys';
import type { Ledger } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import { plan } from '../jobs/transitions';
import { CLOCK_SKEW_MS, type Clock, type Log, type Objects } from '../ports';
import { InvalidJobError } from './errors';

/** A row lives 45 days after its last write, and an operator may need the job's body for two weeks after its start. */
const MOST_DAYS = 30;
const LONGEST_WAIT_MS = MOST_DAYS * 24 * 60 * 60_000;
const TOO_FAR = `must be at most ${MOST_DAYS} days ahead`;

/**
 * Checks when a job may start. The caller's clock may differ a little from ours. A repeated call is not checked, because
 * its time may be over by now. Rejects with an InvalidJobError, or with a StoreError if the table is down.
 */
export async function checkStart(
  { ledger, clock }: { ledger: Pick<Ledger, 'get'>; clock: Clock },
  {
    queue,
    id,
    key,
    notBefore,
  }: { queue: string; id: string; key?: string | undefined; notBefore?: string | undefined },
): Promise<void> {
  if (notBefore === undefined) return;
  const wait = Date.parse(notBefore) - clock.now();
  const problem =
    wait < -CLOCK_SKEW_MS ? 'must be in the future' : wait > LONGEST_WAIT_MS + CLOCK_SKEW_MS ? TOO_FAR : undefined;
  if (!problem || (key !== undefined && (await ledger.get(jobKey(queue, id))))) return;
  throw new InvalidJobError([{ field: 'notBefore', message: `notBefore: ${problem}` }]);
}

/** Checks when a campaign may send. The bucket keeps its recipients for a limited time. Throws an InvalidJobError. */
export function checkSendAt({ clock }: { clock: Clock }, sendAt: string | undefined): void {
  if (sendAt === undefined || Date.parse(sendAt) - clock.now() <= LONGEST_WAIT_MS + CLOCK_SKEW_MS) return;
  throw new InvalidJobError([{ field: 'sendAt', message: `sendAt: ${TOO_FAR}` }]);
}

/**
 * Keeps the body of a job, then lets its row wait for its time. Call it only if no message of the job was sent. If the
 * producer dies before the end, the reconciler cancels the row. A repeated call continues from there.
 */
export async function planStart(
  deps: { ledger: Ledger; objects: Objects; clock: Clock; prefix: string; log: Log },
  { row, envelope, mayStill }: { row: JobRow; envelope: Envelope; mayStill: (row: JobRow) => boolean },
): Promise<void> {
  const { objects, ledger, clock, prefix, log } = deps;
  await objects.put(bodyKey(prefix, row.queue, row.id), sendable(JSON.stringify(envelope)), 'application/json');
  // Another call may have planned the job meanwhile. Then there is nothing left to do.
  const planned = (now: JobRow) => (mayStill(now) ? plan(now, clock.now()) : undefined);
  const { item } = await ledger.update(row.key, planned, row);
  if (!item) throw new StoreError({ code: 'RowGone', message: 'the row of this job was just removed' });
  log.info('planned', { queue: row.queue, jobId: row.id, until: row.notBefore });
}
