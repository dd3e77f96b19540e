import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { z } from 'zod';
import { realQueues } from '../aws/queues';
import { type CommonConfig, ConfigError, parseEnv } from '../config';
import { queueUrlOfArn } from '../jobs/keys';
import { realLog } from '../log';
import { handleBatch } from '../worker/batch';
import type { QueueContract } from '../worker/contract';
import type { BatchDeps } from '../worker/deps';
import { realDeps } from './engine';

/** Seconds until a message comes back to a function that cannot read its own configuration. */
const CONFIG_WAIT = 900;

export type WorkerHandler = (
  event: SQSEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<SQSBatchResponse>;

/**
 * The Lambda handler of one queue. A cold start never throws: a throw would burn a receive of every message, and
 * three of those dead-letter jobs that nobody has tried.
 */
export function workerHandler<C extends CommonConfig>({
  env,
  contract,
}: {
  env: z.ZodType<C>;
  /** The queue's own part, from its configuration. */
  contract: (config: C, deps: ReturnType<typeof realDeps>) => QueueContract;
}): WorkerHandler {
  let ready: { deps: BatchDeps; contract: QueueContract } | undefined;
  return async (event, context) => {
    try {
      ready ??= start();
    } catch (error) {
      return refuse(event, error);
    }
    return handleBatch({ ...ready, event, remainingMs: context.getRemainingTimeInMillis() });
  };

  function start() {
    const config = parseEnv(env, process.env);
    const deps = realDeps(config);
    return { deps, contract: contract(config, deps) };
  }
}

/** SQS keeps the messages; what it dead-letters meanwhile is returned by the reconciler. */
async function refuse(event: SQSEvent, error: unknown): Promise<SQSBatchResponse> {
  const log = realLog({ service: process.env.INSTANCE ?? 'unconfigured', level: 'INFO' });
  log.error(error instanceof ConfigError ? error.message : 'the function could not start', { code: 'NotConfigured' });
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
