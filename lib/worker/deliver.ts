import { CANARY_TYPE } from '../jobs/canary';
import { type Claim, type ClaimRequest, CRASH_LOOP, claim } from '../jobs/claim';
import { publicForm } from '../jobs/envelope';
import { finish, keepCancelled } from '../jobs/finish';
import { disowned, type Resolved, resolve, withoutBody } from '../jobs/identify';
import { invalidId, jobKey } from '../jobs/keys';
import { LeaseLostError } from '../jobs/ledger';
import { rowOfMessage } from '../jobs/new-row';
import { ATTRIBUTE } from '../jobs/park';
import { firstRow, refuse } from '../jobs/permission';
import { ROW_DAMAGED, UnreadableRowError } from '../jobs/stored-row';
import { CLOCK_SKEW_MS } from '../ports';
import type { QueueContract } from './contract';
import { type DeliveryRun, type Incoming, isLastReceive } from './deps';
import { direct } from './direct';
import { createLease } from './lease';
import { type Disposition, endRun, orGiveUp } from './outcome';
import { parkUnread } from './park-unread';
import { run } from './run';

const SECOND_MS = 1_000;

/** The message may have crashed a worker before. It must be handled again while no other job runs in the invocation. */
export interface SuspectedCrash {
  acknowledge: false;
  suspectedCrash: true;
}

/** Handles one message. Throws only a StoreError, when nothing could be written. */
export async function deliver(delivery: DeliveryRun): Promise<Disposition | SuspectedCrash> {
  try {
    return await handle(delivery);
  } catch (error) {
    if (!(error instanceof UnreadableRowError && error.code === ROW_DAMAGED)) throw error;
    const { deps, contract, message } = delivery;
    await parkUnread(deps, { queue: contract.queue, message }, error);
    return { acknowledge: true };
  }
}

async function handle(delivery: DeliveryRun): Promise<Disposition | SuspectedCrash> {
  const { deps, contract, message } = delivery;
  const done = await direct(delivery);
  if (done && done !== 'taken') return done;
  const found = await resolve({ ...deps, queue: contract.queue }, message);
  const resolved = done ? disowned(found, invalidId(message.messageId)) : found;
  try {
    return await dispose(delivery, resolved);
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
    // Another run took the job. Start again as if the message had just arrived.
    return dispose(delivery, resolved);
  }
}

async function dispose(delivery: DeliveryRun, resolved: Resolved): Promise<Disposition | SuspectedCrash> {
  const { deps, message } = delivery;
  const claimed = await take(delivery, resolved);
  switch (claimed.kind) {
    case 'claimed': {
      const { row, begun } = claimed;
      return run({ ...delivery, resolved, row, begun });
    }
    case 'must-park': {
      const lease = createLease(deps.ledger, claimed.row);
      // The claim has counted a crash already, so parking is no further attempt.
      const end = { kind: 'park', error: CRASH_LOOP, reason: 'crash', counts: false } as const;
      const ended = await orGiveUp(delivery, lease, () => endRun({ deps, lease, message, body: resolved.body }, end));
      return { acknowledge: true, row: await finish(deps, ended, resolved) };
    }
    case 'late':
      deps.log.info('late delivery', { ...facts(delivery, resolved.id), state: claimed.row.state });
      await finish(deps, claimed.row, resolved);
      if (!(await keepCancelled(deps, claimed.row, resolved.body))) return dispose(delivery, resolved);
      return { acknowledge: true };
    case 'suspected crash':
      return { acknowledge: false, suspectedCrash: true };
    case 'refused':
      refuse(deps, facts(delivery, resolved.id));
      return { acknowledge: true };
    case 'disowned':
      return dispose(delivery, claimed.as);
    case 'conflict':
      return dispose(
        delivery,
        resolved.named ? withoutBody(resolved) : disowned(resolved, invalidId(message.messageId)),
      );
    case 'busy':
      return (await waitForRun(delivery, claimed)) ?? dispose(delivery, resolved);
  }
}

/** Waits until another run's lease ends. Returns a disposition if this invocation has no time for that. */
async function waitForRun(
  { deps, contract, message, deadline }: DeliveryRun,
  { until, by }: Extract<Claim, { kind: 'busy' }>,
): Promise<Disposition | undefined> {
  const settings = deps.settings(contract.queue);
  const last = isLastReceive(message, settings);
  const restMs = until - deps.clock.now() + SECOND_MS;
  // The run may have its outcome soon. On its last receive this copy must not go back, or SQS dead-letters it untried.
  const waitMs = last ? Math.min(restMs, SECOND_MS) : restMs;
  if (waitMs <= deadline.remainingMs() && deadline.mayStart()) {
    await deps.clock.sleep(waitMs);
    return undefined;
  }
  // Unless that was its last receive too, the message of the other run stays in SQS until that run has an outcome.
  const otherStays = by !== undefined && by.messageId !== message.messageId && !isLastReceive(by, settings);
  if (otherStays && last) return { acknowledge: true };
  return { acknowledge: false, visibilityMs: restMs };
}

const facts = ({ contract, message }: DeliveryRun, jobId: string) => ({
  queue: contract.queue,
  jobId,
  messageId: message.messageId,
  receiveCount: message.receiveCount,
});

/** Claims the job of a message, until this function must have ended. */
function take(delivery: DeliveryRun, resolved: Resolved): Promise<Claim> {
  const { deps, contract, message, deadline, alone } = delivery;
  const { messageId, groupId: group, sequenceNumber: sequence, receiveCount, sentAt } = message;
  const place = { ...(group ? { group: publicForm('group', group) } : {}), ...(sequence ? { sequence } : {}) };
  const { queue } = contract;
  const { retention } = deps.settings(queue);
  return claim(deps.ledger, {
    key: jobKey(queue, resolved.id),
    payloadHash: resolved.payloadHash,
    ...(isFirst(message, resolved)
      ? { blank: rowOfMessage(resolved, { queue, group, sentAt, now: deps.clock.now() }) }
      : {}),
    fresh: () => firstRow(deps, resolved, { queue, messageId, group, sentAt, retention }),
    attributes: message.attributes,
    named: resolved.named,
    delivery: { messageId, receiveCount, sentAt, at: deps.clock.now(), ...place },
    token: deps.random.uuid(),
    first: firstStep(contract, resolved),
    alone,
    // Another worker's clock may be ahead, so the lease ends later than this function.
    leaseUntil: deadline.at + CLOCK_SKEW_MS,
    now: () => deps.clock.now(),
  });
}

/** Whether the row is probably as its message describes it. If that is wrong, the claim costs a write more. */
const isFirst = ({ receiveCount, attributes }: Incoming, { envelope }: Resolved): boolean =>
  envelope !== undefined &&
  envelope.type !== CANARY_TYPE &&
  receiveCount === 1 &&
  attributes[ATTRIBUTE.returned] === undefined;

function firstStep({ types }: QueueContract, { envelope }: Resolved): ClaimRequest['first'] {
  const type = envelope && Object.hasOwn(types, envelope.type) ? types[envelope.type] : undefined;
  if (!envelope || !type?.first) return undefined;
  const { id } = envelope;
  return (row) => {
    const { success, data } = type.schema.safeParse(envelope.data);
    return success ? type.first?.({ id, data, row }) : undefined;
  };
}
