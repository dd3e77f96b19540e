import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type * as z from 'zod';
import { queueUrlOfArn } from '../../lib/engine/jobs/keys';
import { handleBatch } from '../../lib/engine/worker/batch';
import type { QueueContract, WorkerDeps } from '../../lib/engine/worker/contract';
import { realQueues } from '../../lib/platform/aws/queues';
import { parseEnv } from '../../lib/platform/config/common';
import type { CommonConfig } from '../../lib/platform/config/functions';
import type { Events } from '../../lib/platform/ports';
import { coldStart, realDeps, unconfiguredLog } from './engine';

/** Seconds until a message comes back to a function that cannot read its own configuration. */
const CONFIG_WAIT = 900;

type Invocation = Pick<Context, 'getRemainingTimeInMillis'> & Partial<Pick<Context, 'invokedFunctionArn'>>;

/** The Lambda handler of one queue. A throw at a cold start would cost a receive, and SQS dead-letters after three. */
export function workerHandler<C extends CommonConfig>({
  env,
  contract,
  events = () => undefined,
}: {
  env: z.ZodType<C>;
  /** Where the ends of the queue's jobs are published. Without it, they are not. */
  events?: (config: C) => Events | undefined;
  contract: (config: C, deps: ReturnType<typeof realDeps>) => QueueContract;
}) {
  const started = coldStart((functionArn?: string) => {
    const config = parseEnv(env, process.env);
    const deps = { ...realDeps(config, functionArn), events: events(config) };
    return { deps, contract: contract(config, deps) };
  });
  return async (event: SQSEvent, context: Invocation): Promise<SQSBatchResponse> => {
    let ready: { deps: WorkerDeps; contract: QueueContract };
    try {
      ready = started(context.invokedFunctionArn);
    } catch {
      return refuse(event);
    }
    return handleBatch({ ...ready, event, remainingMs: context.getRemainingTimeInMillis() });
  };
}

/** SQS keeps the messages. The reconciler returns those that SQS dead-letters meanwhile. */
async function refuse(event: SQSEvent): Promise<SQSBatchResponse> {
  const log = unconfiguredLog();
  const queues = realQueues();
  await Promise.all(
    event.Records.map(({ eventSourceARN, receiptHandle, messageId }) =>
      queues
        .changeVisibility(queueUrlOfArn(eventSourceARN), receiptHandle, CONFIG_WAIT)
        .catch(() => log.warn('visibility could not be changed', { messageId })),
    ),
  );
  return { batchItemFailures: event.Records.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}
