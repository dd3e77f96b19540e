import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { codeOf, StoreError } from '../errors';
import { groupBy } from '../group-by';
import { countEnd } from '../jobs/finish';
import { dlqUrlOfArn, queueUrlOfArn } from '../jobs/keys';
import { ATTRIBUTE } from '../jobs/park';
import { isEnd, traceFacts } from '../jobs/row';
import { IllegalTransitionError } from '../jobs/transitions';
import type { QueueContract } from './contract';
import { deliver, type SuspectedCrash } from './deliver';
import { type BatchDeps, createDeadline, type DeliveryRun, type Incoming, incoming } from './deps';
import { isDirect } from './direct';
import type { Disposition } from './outcome';

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
