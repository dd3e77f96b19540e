import { type Claim, claim } from '../jobs/claim';
import { CLOCK_SKEW_MS } from '../jobs/clock-skew';
import type { Resolved } from '../jobs/identify';
import { jobKey } from '../jobs/keys';
import { rowOfMessage } from '../jobs/new-row';
import { recordedRow } from '../jobs/recorded-row';
import type { DeliveryRun } from './delivery';

/** Claims the job of a message, until this function must have ended. */
export function take(delivery: DeliveryRun, resolved: Resolved): Promise<Claim> {
  const { deps, contract, message, deadline, alone } = delivery;
  const { messageId, group, sequence, receiveCount, sentAt } = message;
  const place = { ...(group ? { group } : {}), ...(sequence ? { sequence } : {}) };
  return claim(deps.ledger, {
    key: jobKey(contract.queue, resolved.id),
    payloadHash: resolved.payloadHash,
    fresh: () =>
      recordedRow(deps, rowOfMessage(resolved, { queue: contract.queue, group, sentAt, now: deps.clock.now() })),
    delivery: { messageId, receiveCount, sentAt, at: deps.clock.now(), ...place },
    token: deps.random.uuid(),
    alone,
    // The lease must outlive this function by the clock of any other worker.
    leaseUntil: deadline.at + CLOCK_SKEW_MS,
    now: () => deps.clock.now(),
  });
}
