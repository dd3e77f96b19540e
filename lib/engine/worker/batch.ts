import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { codeOf, StoreError } from '../../platform/errors';
import { deliverySpan } from '../../platform/trace';
import { invalidId, queueUrlOfArn } from '../jobs/keys';
import { LeaseLostError } from '../jobs/ledger';
import { ATTRIBUTE } from '../jobs/messages';
import { isEnd, type JobRow, present, traceFacts } from '../jobs/row';
import { ROW_DAMAGED, UnreadableRowError } from '../jobs/row-schema';
import { IllegalTransitionError } from '../jobs/transitions';
import { leaveWitness } from '../jobs/witness';
import { type ClaimResult, type Content, CRASH_LOOP, claimJob, identify, refuse, rejected } from './claim';
import { close, countEnd, finish, GivenBackError, keepCancelled, orGiveBack, parkUnread } from './close';
import {
  type Deadline,
  type Disposition,
  type Handling,
  type Incoming,
  LONGEST_CALL_MS,
  type QueueContract,
  type WorkerDeps,
} from './contract';
import { direct, isDirect, isLastReceive, run } from './run';
import { createLease } from './steps';

/** `remainingMs`: until Lambda ends the invocation. */
type Batch = { deps: WorkerDeps; contract: QueueContract; event: SQSEvent; remainingMs: number };

/**
 * Runs direct messages side by side. What is left runs one by one, so that a crash of the process can have only one
 * cause. The answer is a partial batch response, never a throw.
 */
export async function handleBatch({ deps, contract, event, remainingMs }: Batch): Promise<SQSBatchResponse> {
  const deadline = createDeadline(() => deps.clock.now(), remainingMs);
  const all = event.Records.map(
    (record): Handling => ({
      ...{ deps, contract, message: incoming(record), deadline },
      leaseToken: deps.random.uuid(),
    }),
  );
  const tried = await Promise.all(
    all.map(async (handling) => ({
      handling,
      done: isReturned(handling) || !isDirect(contract) ? undefined : await handle(handling, direct),
    })),
  );
  // Reading a returned message may have crashed its workers, so it is read when everything else is done.
  const inTurn = tried.toSorted((a, b) => Number(isReturned(a.handling)) - Number(isReturned(b.handling)));
  const unfinished: Incoming[] = [];
  for (const { handling, done } of inTurn) {
    const end = isSettled(done) ? done : await handle(handling, () => deliver(handling, done));
    if (isSettled(end) && end.kind === 'return') unfinished.push(handling.message);
  }
  await deps.metrics.flush();
  return { batchItemFailures: unfinished.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

const isReturned = ({ message }: Handling): boolean => message.attributes[ATTRIBUTE.returned] !== undefined;

/** `taken` and `undefined`: as `direct` says it. */
type Handled = Disposition | 'taken' | undefined;
const isSettled = (done: Handled): done is Disposition => typeof done === 'object';

/** Hides a message that is to come back. */
async function handle(handling: Handling, work: (handling: Handling) => Promise<Handled>): Promise<Handled> {
  const { deps, deadline, message } = handling;
  const done: Handled = deadline.mayStart() ? await attempt(handling, work) : { kind: 'return', visibilityMs: 0 };
  if (isSettled(done) && done.kind === 'return') await setVisibility(deps, message, done.visibilityMs);
  return done;
}

async function attempt(handling: Handling, work: (handling: Handling) => Promise<Handled>): Promise<Handled> {
  const { deps, contract, message } = handling;
  const { trials } = deps.ledger;
  const returned = isReturned(handling);
  const startedAt = deps.clock.now();
  const span = handling.span ?? deliverySpan(contract.queue, message);
  handling.span = span;
  try {
    if (returned) await trials.begin(contract.queue, message.messageId);
    const done = await span.within(() => insistently(handling, work));
    if (isSettled(done)) report(handling, done, startedAt);
    return done;
  } catch (error) {
    // Nothing could be written, or the engine failed. SQS keeps the message, and the reconciler returns it at last.
    const illegal = error instanceof IllegalTransitionError ? error : undefined;
    const code = error instanceof StoreError || illegal ? codeOf(error) : 'EngineFailed';
    const { messageId, receiveCount } = message;
    const facts = { queue: contract.queue, messageId, receiveCount, code };
    deps.log.error('a message could not be handled', { ...facts, jobId: illegal?.jobId, state: illegal?.state }, error);
    span.end({ outcome: 'retry', code });
    deps.metrics.add('JobsRetried', 1, 'Count', { queue: contract.queue });
    if (illegal) deps.metrics.add('IllegalTransitions', 1, 'Count', {});
    if (returned) await survived(handling);
    // A job that was given back waits for nothing but the store, which has just taken a write.
    const waitS =
      (error instanceof GivenBackError && !isOfBucket(error) ? deps.retryWaits[0] : undefined) ?? deps.storeWait;
    return { kind: 'return', visibilityMs: waitS * 1000 };
  }
}

const LONGEST_AGAIN_MS = 4_000;
/** A bucket that fails costs each new try its calls to vendors, so the job waits as long as when nothing can be written. */
const isOfBucket = (error: unknown): boolean => error instanceof StoreError && error.code.startsWith('S3.');

/**
 * Starts the work again while a store fails and there is time: after 1 s, then 2 s, then every 4 s. A store usually
 * fails for seconds only. The row says how far the work has come.
 */
async function insistently(handling: Handling, work: (handling: Handling) => Promise<Handled>): Promise<Handled> {
  const { deps, deadline } = handling;
  for (let waitMs = 1_000; ; waitMs = Math.min(2 * waitMs, LONGEST_AGAIN_MS)) {
    try {
      return await work(handling);
    } catch (error) {
      const passes = error instanceof StoreError && !(error instanceof UnreadableRowError) && !isOfBucket(error);
      if (!passes || !deadline.mayStart()) throw error;
      await deps.clock.sleep(waitMs);
      if (!deadline.mayStart()) throw error;
    }
  }
}

/** The worker lives, so its message did not kill it. A fault of this itself must not take the answer of the batch. */
async function survived({ deps, contract: { queue }, message: { messageId } }: Handling): Promise<void> {
  try {
    if (!(await deps.ledger.trials.forget(queue, messageId))) await leaveWitness(deps, queue, messageId);
  } catch (error) {
    deps.log.error('a message could not be handled', { queue, messageId, code: 'EngineFailed' }, error);
  }
}

/** If this fails in any way, the queue's own visibility timeout applies. */
async function setVisibility(deps: WorkerDeps, message: Incoming, ms: number): Promise<void> {
  const url = queueUrlOfArn(message.queueArn);
  await deps.queues.changeVisibility(url, message.receiptHandle, Math.ceil(ms / 1000)).catch((error: unknown) => {
    deps.log.warn('visibility could not be changed', { messageId: message.messageId, code: codeOf(error) }, error);
  });
}

/** Writes the log line and the metrics of a delivery. The reconciler measures canaries itself. */
function report({ deps, contract, message, span }: Handling, disposition: Disposition, startedAt: number): void {
  const { clock, log, metrics } = deps;
  const { queue, types } = contract;
  const row = 'row' in disposition ? disposition.row : undefined;
  const direct = 'direct' in disposition ? disposition.direct : undefined;
  const none = 'none' in disposition ? disposition.none : undefined;
  const outcome = disposition.kind === 'return' ? 'retry' : (row?.state ?? none ?? 'succeeded');
  const now = clock.now();
  span?.end({
    ...{ outcome, job: row?.id ?? direct?.id, type: row?.type ?? direct?.type },
    ...{ traceparent: row?.traceparent ?? direct?.traceparent, attempts: row?.attempts },
    ...{ reason: row?.reason, code: row?.error?.code },
  });
  log.info('delivery handled', {
    queue,
    jobId: row?.id ?? direct?.id,
    messageId: message.messageId,
    receiveCount: message.receiveCount,
    outcome,
    reason: row?.reason,
    code: row?.error?.code,
    class: row?.error?.class,
    without: row?.without?.map(({ what, code }) => `${what} ${code}`).join(),
    attempts: row?.attempts,
    canary: row?.canary,
    ...(row ? traceFacts(row) : {}),
    ms: now - startedAt,
  });
  if (none || row?.canary) return;
  if (outcome === 'succeeded' || outcome === 'dead') countEnd(metrics, { ...row, queue, state: outcome });
  else if (outcome === 'retry') metrics.add('JobsRetried', 1, 'Count', { queue });
  const finish = direct ? now - direct.time : row && finishMs(row, now);
  if (finish !== undefined && !types[row?.type ?? '']?.paced)
    metrics.add('TimeToFinish', finish, 'Milliseconds', { queue });
}

function finishMs(row: JobRow, now: number): number | undefined {
  if (!isEnd(row.state) || row.resends) return undefined;
  const { createdAt, deliveries, dueSince = 0, endedAt = now } = row;
  // A part is due when it is released, not when its parent was accepted.
  return endedAt - Math.max(dueSince, Math.min(createdAt, deliveries[0]?.sentAt ?? createdAt));
}

/** `tried`: what came of its direct run. It throws if nothing could be written, or if the engine fails. */
async function deliver(handling: Handling, tried: 'taken' | undefined): Promise<Disposition> {
  const { deps, contract, message } = handling;
  try {
    const done = isReturned(handling) ? await direct(handling) : tried;
    if (isSettled(done)) return done;
    const found = await identify(deps, contract.queue, message);
    const content = done ? rejected(found, invalidId(message.messageId)) : found;
    return await handleJob(handling, content).catch((error: unknown) => {
      if (!(error instanceof LeaseLostError)) throw error;
      // Another run took the job. Start again as if the message had just arrived.
      return handleJob(handling, content);
    });
  } catch (error) {
    if (!(error instanceof UnreadableRowError && error.code === ROW_DAMAGED)) throw error;
    await parkUnread(deps, { queue: contract.queue, message }, error);
    return { kind: 'acknowledge', none: 'damaged' };
  }
}

async function handleJob(handling: Handling, content: Content): Promise<Disposition> {
  const { deps, contract, message } = handling;
  const { messageId, receiveCount } = message;
  const facts = (jobId: string) => ({ queue: contract.queue, jobId, messageId, receiveCount });
  const claimed = await claimJob(handling, content);
  switch (claimed.kind) {
    case 'claimed':
      return run(handling, claimed);
    case 'crash loop': {
      const lease = createLease(deps.ledger, claimed.row);
      // The claim has counted a crash already, so parking is no further attempt.
      const end = { kind: 'park', error: CRASH_LOOP, reason: 'crash', counts: false } as const;
      const row = await orGiveBack(handling, lease, () => close(handling, { lease, content: claimed.content, end }));
      return { kind: 'acknowledge', row };
    }
    case 'late': {
      const { row, content: late } = claimed;
      deps.log.info('late delivery', { ...facts(late.id), state: row.state });
      await finish(deps, row, late);
      const sent = { body: late.body, sequence: message.sequenceNumber };
      if (!(await keepCancelled(deps, row, sent))) return handleJob(handling, content);
      return { kind: 'acknowledge', none: 'late' };
    }
    case 'refused':
      refuse(deps, facts(claimed.content.id));
      return { kind: 'acknowledge', none: 'refused' };
    case 'busy':
      return (await waitForRun(handling, claimed)) ?? handleJob(handling, content);
  }
}

const SECOND_MS = 1_000;

/** Waits until another run's lease ends. Returns a disposition if this invocation has no time for that. */
async function waitForRun(
  { deps, contract, message, deadline }: Handling,
  { until, by }: Extract<ClaimResult, { kind: 'busy' }>,
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
  if (otherStays && last) return { kind: 'acknowledge', none: 'copied' };
  return { kind: 'return', visibilityMs: restMs };
}

function incoming(record: SQSRecord): Incoming {
  const { MessageGroupId: groupId, SequenceNumber: sequenceNumber } = record.attributes;
  const attributes = Object.entries(record.messageAttributes ?? {}).flatMap(([name, { stringValue }]) =>
    stringValue === undefined ? [] : [[name, stringValue] as const],
  );
  return {
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: record.body,
    ...present({ groupId, sequenceNumber }),
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    sentAt: Number(record.attributes.SentTimestamp),
    attributes: Object.fromEntries(attributes),
    queueArn: record.eventSourceARN,
  };
}

/**
 * Keeps a tenth of the time, at most 5 s, for the last writes. A call may take a third, so that a run has room for two.
 * A job starts if there is room for a usual call.
 */
function createDeadline(now: () => number, totalMs: number): Deadline {
  const at = now() + totalMs;
  const guard = Math.min(Math.max(totalMs * 0.1, 300), 5_000);
  const longestCallMs = Math.max(totalMs / 3, 300);
  const remainingMs = () => at - guard - now();
  return { at, longestCallMs, remainingMs, mayStart: () => remainingMs() >= Math.min(longestCallMs, LONGEST_CALL_MS) };
}
