import { type Claim, claim } from '../jobs/claim';
import { CLOCK_SKEW_MS } from '../jobs/clock-skew';
import type { Resolved } from '../jobs/identify';
import { jobKey } from '../jobs/keys';
import { blankRow, rowOfEnvelope } from '../jobs/new-row';
import { recordedRow } from '../jobs/recorded-row';
import type { JobRow } from '../jobs/row';
import { ANY_PAYLOAD } from '../jobs/row-schema';
import type { DeliveryRun } from './delivery';

/** Claims the job of a message, until this function must have ended. */
export function take(delivery: DeliveryRun, resolved: Resolved): Promise<Claim> {
  const { deps, contract, message, deadline, alone } = delivery;
  const { messageId, group, sequence, receiveCount, sentAt } = message;
  const place = { ...(group ? { group } : {}), ...(sequence ? { sequence } : {}) };
  return claim(deps.ledger, {
    key: jobKey(contract.queue, resolved.id),
    payloadHash: resolved.payloadHash,
    fresh: () => fresh(delivery, resolved),
    delivery: { messageId, receiveCount, sentAt, at: deps.clock.now(), ...place },
    token: deps.random.uuid(),
    alone,
    // The lease must outlive this function by the clock of any other worker.
    leaseUntil: deadline.at + CLOCK_SKEW_MS,
    now: () => deps.clock.now(),
  });
}

/** Makes the row of a job that the table does not know. */
function fresh({ deps, contract, message }: DeliveryRun, { id, envelope, payloadHash }: Resolved): Promise<JobRow> {
  const origin = { queue: contract.queue, group: message.group, now: deps.clock.now() };
  const made = envelope
    ? rowOfEnvelope({ ...origin, envelope })
    : blankRow({ ...origin, id, time: message.sentAt, payloadHash: payloadHash ?? ANY_PAYLOAD });
  return recordedRow(deps, made);
}
