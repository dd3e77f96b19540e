import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { StoreError } from '../errors';
import { dlqUrlOfArn, queueUrlOfArn } from '../jobs/keys';
import type { QueueContract } from './contract';
import { deliver } from './deliver';
import { type Incoming, incoming } from './delivery';
import { type BatchDeps, createDeadline, type Deadline } from './deps';
import type { Disposition } from './outcome';
import { report } from './report';

export interface Batch {
  deps: BatchDeps;
  contract: QueueContract;
  event: SQSEvent;
  /** Milliseconds that the invocation has. */
  remainingMs: number;
}

/**
 * Handles one batch: message groups side by side, each in order. Answers partial responses only and never throws. In a
 * group, whatever comes behind a message that is not done goes back untouched, to be seen again after that message.
 */
export async function handleBatch({ deps, contract, event, remainingMs }: Batch): Promise<SQSBatchResponse> {
  const deadline = createDeadline(() => deps.clock.now(), remainingMs);
  const fifo = deps.settings(contract.queue).type === 'fifo';
  const groups = Map.groupBy(event.Records.map(incoming), (message) =>
    fifo ? (message.group ?? '') : message.messageId,
  );
  const unfinished = await Promise.all(
    [...groups.values()].map((group) => handleGroup({ deps, contract, group, deadline })),
  );
  deps.metrics.flush();
  return { batchItemFailures: unfinished.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
}

type Group = Omit<Batch, 'event' | 'remainingMs'> & { group: Incoming[]; deadline: Deadline };

/** The messages of the group that are not done. */
async function handleGroup({ deps, contract, group, deadline }: Group): Promise<Incoming[]> {
  for (const [index, message] of group.entries()) {
    const disposition = await handleMessage({ deps, contract, message, deadline });
    if (disposition.acknowledge) continue;
    const rest = group.slice(index);
    // The followers first: none of them may be visible before the one that they wait for.
    for (const follower of rest.slice(1)) await setVisibility(deps, follower, disposition.visibilityMs);
    await setVisibility(deps, message, disposition.visibilityMs);
    return rest;
  }
  return [];
}

async function handleMessage({
  deps,
  contract,
  message,
  deadline,
}: Omit<Group, 'group'> & { message: Incoming }): Promise<Disposition> {
  if (!deadline.mayStart()) return { acknowledge: false, visibilityMs: 0 };
  const startedAt = deps.clock.now();
  const dlqUrl = () => dlqUrlOfArn(message.queueArn);
  try {
    const disposition = await deliver({ deps: { ...deps, dlqUrl }, contract, message, deadline });
    report({ deps, queue: contract.queue, message, disposition, startedAt });
    return disposition;
  } catch (error) {
    // Nothing could be written, or the engine itself failed: SQS keeps the message, and what it dead-letters comes back.
    const code = error instanceof StoreError ? error.code : 'EngineFailed';
    deps.log.error('a message could not be handled', {
      queue: contract.queue,
      messageId: message.messageId,
      receiveCount: message.receiveCount,
      code,
    });
    return { acknowledge: false, visibilityMs: deps.storeWait * 1000 };
  }
}

/** Where it cannot be set, the queue's own visibility timeout holds. */
async function setVisibility(deps: BatchDeps, message: Incoming, ms: number): Promise<void> {
  const url = queueUrlOfArn(message.queueArn);
  await deps.queues.changeVisibility(url, message.receiptHandle, Math.ceil(ms / 1000)).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    deps.log.warn('visibility could not be changed', { messageId: message.messageId, code: error.code });
  });
}
