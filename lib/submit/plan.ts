import { jobKey } from '../jobs/keys';
import type { Ledger } from '../jobs/ledger';
import { CLOCK_SKEW_MS, type Clock } from '../ports';
import { InvalidJobError } from './errors';
import type { CheckedOptions } from './valid';

/** A row lives 45 days after its last write, and an operator may need the job's body for two weeks after its start. */
const MOST_DAYS = 30;
const LONGEST_WAIT_MS = MOST_DAYS * 24 * 60 * 60_000;
const TOO_FAR = `must be at most ${MOST_DAYS} days ahead`;

/**
 * Checks when a job may start. The caller's clock may differ a little from ours. A repeated call is not checked,
 * because its time may be over by now. Rejects with an InvalidJobError, or with a StoreError if the table is down.
 */
export async function checkStart(
  { ledger, clock }: { ledger: Pick<Ledger, 'get'>; clock: Clock },
  { queue, id, key, notBefore }: Pick<CheckedOptions, 'key' | 'notBefore'> & { queue: string; id: string },
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
