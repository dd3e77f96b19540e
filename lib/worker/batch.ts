import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { codeOf, StoreError } from '../errors';
import { groupBy } from '../group-by';
import { publicForm } from '../jobs/envelope';
import { dlqUrlOfArn, invalidId, jobKey, queueUrlOfArn } from '../jobs/keys';
import { LeaseLostError, ROW_DAMAGED, UnreadableRowError } from '../jobs/ledger';
import { ATTRIBUTE } from '../jobs/messages';
import { CANARY_TYPE } from '../jobs/new-row';
import { isEnd, traceFacts } from '../jobs/row';
import { IllegalTransitionError } from '../jobs/transitions';
import { CLOCK_SKEW_MS } from '../ports';
import { countEnd, endRun, finish, keepCancelled, orGiveUp, parkUnread } from './close';
import {
  type BatchDeps,
  createDeadline,
  type DeliveryRun,
  type Disposition,
  type Incoming,
  incoming,
  isLastReceive,
  type QueueContract,
} from './contract';
import { direct, isDirect } from './direct';
import {
  type Claim,
  type ClaimRequest,
  CRASH_LOOP,
  claim,
  disowned,
  firstRow,
  type Resolved,
  refuse,
  resolve,
  rowOfMessage,
  withoutBody,
} from './open';
import { run } from './run';
import { createLease } from './steps';

export interface Batch {
  deps: BatchDeps;
  contract: QueueContract;
  event: SQSEvent;
  /** Milliseconds until Lambda ends the invocation. */
  remainingMs: number;
}

/**
 * Handles one batch. It handles message groups side by side, and the messages of a group in order. A queue whose order
 * makes no difference has all its messages handled at once. The answer is a partial batch response, never a throw.
 */
export async function handleBatch({ deps, contract, event, remainingMs }: Batch): Promise<SQSBatchResponse> {
  const deadline = createDeadline(() => deps.clock.now(), remainingMs);
  const inOrder = deps.settings(contract.queue).type === 'fifo' && !isDirect(contract);
  const groups = groupBy(event.Records.map(incoming), (message) =>
    inOrder ? (message.groupId ?? '') : message.messageId,
  );
  const handle = (group: Incoming[], alone: boolean) => handleGroup({ deps, contract, group, deadline, alone });
  const first = await Promise.all([...groups.values()].map((group) => handle(group, event.Records.length === 1)));
  // Suspected crashes run last and one by one, so that the next crash can have only one cause.
  const unfinished: Incoming[] = [];
  for (const { pending, suspectedCrash } of first)
    unfinished.push(...(suspectedCrash ? (await handle(pending, true)).pending : pending));
  await deps.metrics.flush();
  return { batchItemFailures: unfinished.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

type Handling = Omit<DeliveryRun, 'deps'> & { deps: BatchDeps };
type Group = Omit<Handling, 'message'> & { group: Incoming[] };

/** Handles a group in order. It stops at the first message that is not done, and returns that one and all behind it. */
async function handleGroup({ group, ...rest }: Group): Promise<{ pending: Incoming[]; suspectedCrash: boolean }> {
  for (const [index, message] of group.entries()) {
    const disposition = await handleMessage({ ...rest, message });
    if (disposition.acknowledge) continue;
    const pending = group.slice(index);
    if ('suspectedCrash' in disposition) return { pending, suspectedCrash: true };
    // SQS withholds what follows a hidden message. Hide the followers before the failed message, so that they are
    // visible again when it comes back.
    for (const follower of pending.slice(1)) await setVisibility(rest.deps, follower, disposition.visibilityMs);
    await setVisibility(rest.deps, message, disposition.visibilityMs);
    return { pending, suspectedCrash: false };
  }
  return { pending: [], suspectedCrash: false };
}

async function handleMessage(handling: Handling): Promise<Disposition | SuspectedCrash> {
  const { deps, contract, message, deadline, alone } = handling;
  if (!deadline.mayStart()) return { acknowledge: false, visibilityMs: 0 };
  const returned = message.attributes[ATTRIBUTE.returned] !== undefined;
  // Reading this message may have crashed its workers, so it is read when everything else is done.
  if (returned && !alone) return { acknowledge: false, suspectedCrash: true };
  const { trials } = deps.ledger;
  if (returned) await trials.begin(contract.queue, message.messageId);
  const startedAt = deps.clock.now();
  const dlqUrl = () => dlqUrlOfArn(message.queueArn);
  try {
    const disposition = await deliver({ ...handling, deps: { ...deps, dlqUrl } });
    if ('suspectedCrash' in disposition) return disposition;
    report(deps, contract, { message, disposition, startedAt });
    return disposition;
  } catch (error) {
    // Nothing could be written, or the engine failed. SQS keeps the message, and the reconciler returns it from the
    // DLQ.
    const illegal = error instanceof IllegalTransitionError ? error : undefined;
    const code = error instanceof StoreError || illegal ? codeOf(error) : 'EngineFailed';
    deps.log.error('a message could not be handled', {
      queue: contract.queue,
      messageId: message.messageId,
      receiveCount: message.receiveCount,
      code,
      jobId: illegal?.jobId,
      state: illegal?.state,
    });
    deps.metrics.add('JobsRetried', 1, 'Count', { queue: contract.queue });
    if (illegal) deps.metrics.add('IllegalTransitions', 1, 'Count', {});
    if (returned) await trials.forget(contract.queue, message.messageId);
    return { acknowledge: false, visibilityMs: deps.storeWait * 1000 };
  }
}

/** If this fails, the queue's own visibility timeout applies. */
async function setVisibility(deps: BatchDeps, message: Incoming, ms: number): Promise<void> {
  const url = queueUrlOfArn(message.queueArn);
  await deps.queues.changeVisibility(url, message.receiptHandle, Math.ceil(ms / 1000)).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    deps.log.warn('visibility could not be changed', { messageId: message.messageId, code: error.code });
  });
}

/** Writes the log line and the metrics of a delivery. The reconciler measures canaries itself. */
function report(
  { clock, log, metrics }: BatchDeps,
  { queue, types }: QueueContract,
  { message, disposition, startedAt }: { message: Incoming; disposition: Disposition; startedAt: number },
): void {
  const { row } = disposition;
  const direct = disposition.acknowledge ? disposition.direct : undefined;
  const outcome = disposition.acknowledge ? (row?.state ?? (direct ? 'succeeded' : 'late')) : 'retry';
  const ms = clock.now() - startedAt;
  log.info('delivery handled', {
    queue,
    jobId: row?.id ?? direct?.id,
    messageId: message.messageId,
    receiveCount: message.receiveCount,
    outcome,
    reason: row?.reason,
    code: row?.error?.code,
    class: row?.error?.class,
    attempts: row?.attempts,
    canary: row?.canary,
    ...(row ? traceFacts(row) : {}),
    ms,
  });
  if (outcome === 'late' || row?.canary) return;
  if (outcome === 'succeeded' || outcome === 'dead') countEnd(metrics, queue, outcome);
  else if (outcome === 'retry') metrics.add('JobsRetried', 1, 'Count', { queue });
  const finish = finishMs(disposition, clock.now());
  if (finish !== undefined && !types[row?.type ?? '']?.paced)
    metrics.add('TimeToFinish', finish, 'Milliseconds', { queue });
}

function finishMs(disposition: Disposition, now: number): number | undefined {
  const { row } = disposition;
  if (disposition.acknowledge && disposition.direct) return now - disposition.direct.time;
  if (!row || !isEnd(row.state)) return undefined;
  const { createdAt, deliveries, dueSince = 0, endedAt = now } = row;
  // A campaign's chunk is due when it is released, not when its campaign was accepted.
  return endedAt - Math.max(dueSince, Math.min(createdAt, deliveries[0]?.sentAt ?? createdAt));
}

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
