import { IdTakenError, StoreError, WaitError } from '../errors';
import { belongs } from '../jobs/body';
import { checkTime, parseEnvelope, payloadHash } from '../jobs/envelope';
import { invalidId, jobKey } from '../jobs/keys';
import { ATTRIBUTE } from '../jobs/park';
import type { QueueContract } from './contract';
import { type DeliveryRun, isLastReceive } from './deps';
import { dataOf, typeOf } from './message';
import type { Disposition } from './outcome';

/** As old as an event may be: an operator may send those again that were rejected before. */
const OLDEST_MS = 90 * 24 * 60 * 60_000;

/** Whether all work of a queue has the same effect however often and in whatever order it runs. */
export const isDirect = ({ types }: Pick<QueueContract, 'types'>): boolean =>
  Object.values(types).every(({ direct }) => direct !== undefined);

/**
 * Runs a job of a repeatable queue without a row: no claim and no stored outcome. A job of a newer version than this
 * code comes back later, and its last receive leaves it to the ledger.
 *
 * `undefined` leaves the job to the ledger: it has a row, was parked or returned before, is a canary, or failed.
 * A failed job then fails again and its error is stored. `taken` means that another job has this id. Throws only a
 * StoreError, when nothing could be written.
 */
export async function direct({
  deps,
  contract,
  message,
}: Pick<DeliveryRun, 'deps' | 'contract' | 'message'>): Promise<Disposition | 'taken' | undefined> {
  if (!isDirect(contract) || message.attributes[ATTRIBUTE.job] !== undefined) return undefined;
  const { clock, log, ledger } = deps;
  try {
    const { receiveCount, sentAt } = message;
    const envelope = parseEnvelope(message.body, { from: 'others' });
    const { id } = envelope;
    checkTime(envelope, { oldest: sentAt - OLDEST_MS, sentAt });
    // On a first delivery only a duplicate can have a row, and the duplicate's own delivery handles that row.
    if (receiveCount > 1) {
      if (await ledger.get(jobKey(contract.queue, invalidId(message.messageId)))) return 'taken';
      const row = await ledger.get(jobKey(contract.queue, id));
      if (row && belongs(row, payloadHash(envelope))) return undefined;
    }
    const type = typeOf(contract, envelope, clock.now());
    const data = await dataOf({ ...deps, queue: contract.queue }, envelope, type);
    await type.direct?.({ id, data, envelope, body: message.body }, { now: () => clock.now(), log });
    return { acknowledge: true, direct: { id, time: Date.parse(envelope.time) } };
  } catch (error) {
    if (error instanceof StoreError) throw error;
    // Newer code may do the job in a second invocation and delete the message. A row made here would then never end.
    if (error instanceof WaitError && !isLastReceive(message, deps.settings(contract.queue)))
      return { acknowledge: false, visibilityMs: error.waitMs };
    return error instanceof IdTakenError ? 'taken' : undefined;
  }
}
