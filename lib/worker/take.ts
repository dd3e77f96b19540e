import { type Claim, claim } from '../jobs/claim';
import { CLOCK_SKEW_MS } from '../jobs/clock-skew';
import type { Resolved } from '../jobs/identify';
import { jobKey, recordKey } from '../jobs/keys';
import { blankRow, rowOfEnvelope } from '../jobs/new-row';
import { rowOfRecord } from '../jobs/record';
import type { JobRow } from '../jobs/row';
import type { Delivery } from './delivery';

export const DAY_MS = 24 * 60 * 60_000;

/** Claims the job of a message, until this function must have ended. */
export function take(delivery: Delivery, resolved: Resolved): Promise<Claim> {
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

/** Makes the row of a job that the table does not know. An old job may have ended and lost its row to age. */
async function fresh({ deps, contract, message }: Delivery, resolved: Resolved): Promise<JobRow> {
  const { queue } = contract;
  const { envelope } = resolved;
  const now = deps.clock.now();
  const origin = { queue, group: message.group, now };
  const made = envelope
    ? rowOfEnvelope({ ...origin, envelope })
    : blankRow({ ...origin, id: resolved.id, time: message.sentAt, payloadHash: resolved.payloadHash });
  if (now - made.time < DAY_MS) return made;
  const record = await deps.objects.get(recordKey(deps.prefix, made));
  return (record && rowOfRecord(Buffer.from(record).toString('utf8'), made.key)) ?? made;
}
