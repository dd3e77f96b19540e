import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Context } from 'aws-lambda';
import { clientDefaults } from '../lib/platform/aws/clients';
import { s3Client } from '../lib/platform/aws/objects';
import { sqsClient } from '../lib/platform/aws/queues';
import { parseEnv } from '../lib/platform/config/common';
import { commonEnv } from '../lib/platform/config/functions';
import { verifySource, verifyYesterday } from '../packages/verify/instance';
import { coldStart, realDeps } from './startup/engine';
import { factTopic } from './startup/reconciler';

const started = coldStart((functionArn: string) => {
  const config = parseEnv(commonEnv, process.env);
  const clients = { dynamodb: new DynamoDBClient(clientDefaults), s3: s3Client(), sqs: sqsClient() };
  const topic = { publish: factTopic(config, functionArn), overAfterMs: 0, dlqDepth: () => 1 };
  return { source: verifySource(config, clients), deps: { ...realDeps(config, functionArn), topic } };
});

/** Compares what is stored about the jobs of yesterday. It throws if a call fails, and Lambda tries twice more. */
export async function handler(_event: unknown, context: Context): Promise<void> {
  const { deps, source } = started(context.invokedFunctionArn);
  const remainingMs = context.getRemainingTimeInMillis();
  await verifyYesterday(deps, source, { remainingMs }).finally(deps.metrics.flush);
}
