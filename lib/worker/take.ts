import { CANARY_TYPE } from '../jobs/canary';
import { type Claim, type ClaimRequest, claim } from '../jobs/claim';
import type { Resolved } from '../jobs/identify';
import { jobKey } from '../jobs/keys';
import { rowOfMessage } from '../jobs/new-row';
import { ATTRIBUTE } from '../jobs/park';
import { recordedRow } from '../jobs/record';
import { CLOCK_SKEW_MS } from '../ports';
import type { QueueContract } from './contract';
import type { DeliveryRun, Incoming } from './delivery';

/** Claims the job of a message, until this function must have ended. */
export function take(delivery: DeliveryRun, resolved: Resolved): Promise<Claim> {
  const { deps, contract, message, deadline, alone } = delivery;
  const { messageId, group, sequence, receiveCount, sentAt } = message;
  const place = { ...(group ? { group } : {}), ...(sequence ? { sequence } : {}) };
  const made = () => rowOfMessage(resolved, { queue: contract.queue, group, sentAt, now: deps.clock.now() });
  return claim(deps.ledger, {
    key: jobKey(contract.queue, resolved.id),
    payloadHash: resolved.payloadHash,
    ...(isFirst(message, resolved) ? { blank: made() } : {}),
    fresh: () => recordedRow(deps, made()),
    delivery: { messageId, receiveCount, sentAt, at: deps.clock.now(), ...place },
    token: deps.random.uuid(),
    first: firstStep(contract, resolved),
    alone,
    // Another worker's clock may be ahead, so the lease ends later than this function.
    leaseUntil: deadline.at + CLOCK_SKEW_MS,
    now: () => deps.clock.now(),
  });
}

/**
 * Whether no run has probably had the job, so that its row is as its message describes it. If that is wrong, the claim
 * costs a write more. The row of a canary has a mark that its message has not.
 */
const isFirst = ({ receiveCount, attributes }: Incoming, { envelope }: Resolved): boolean =>
  envelope !== undefined &&
  envelope.type !== CANARY_TYPE &&
  receiveCount === 1 &&
  attributes[ATTRIBUTE.returned] === undefined;

/** Names the first step of a job, if its type has one and the message carries valid data. */
function firstStep({ types }: QueueContract, { envelope }: Resolved): ClaimRequest['first'] {
  const type = envelope && Object.hasOwn(types, envelope.type) ? types[envelope.type] : undefined;
  if (!envelope || !type?.first) return undefined;
  const { id } = envelope;
  return (row) => {
    const { success, data } = type.schema.safeParse(envelope.data);
    return success ? type.first?.({ id, data, row }) : undefined;
  };
}
