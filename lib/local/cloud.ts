import { randomUUID } from 'node:crypto';
import { commonEnv } from '../config/common';
import { parseEnv } from '../config/environment';
import { startDynamoDb } from './emulators/dynamodb';
import { startEventBridge } from './emulators/eventbridge';
import { startS3 } from './emulators/s3';
import type { Ports } from './listen-port';
import { createSqsModel } from './sqs/model';
import { startSqs } from './sqs/server';
import { declared as declaredIn } from './template/declared';
import type { Packaged } from './template/package';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

/** The queues, tables and buckets of the template, in emulators. */
export type Cloud = Awaited<ReturnType<typeof startCloud>>;

/** Resolves to a part that was started, and registers how to stop it. The service stops its parts in reverse order. */
export type Started = <P extends { close(): Promise<unknown> }>(starting: Promise<P>) => Promise<P>;

/** Starts SQS, DynamoDB and S3 with the template's queues and tables, and the bucket that the functions name. */
export async function startCloud({ resources }: Packaged, ports: Ports, started: Started) {
  const sqs = createSqsModel({ now: monotonic, uuid: randomUUID, region: REGION, account: ACCOUNT });
  const { url: sqsUrl } = await started(startSqs({ model: sqs, port: ports.sqs }));
  const declared = declaredIn({ resources, region: REGION, account: ACCOUNT, sqsUrl });
  // A redrive policy may name only an existing queue, so the DLQs come first.
  const deadLetterQueuesFirst = declared.queues.toSorted(
    (a, b) => Number('RedrivePolicy' in a.attributes) - Number('RedrivePolicy' in b.attributes),
  );
  for (const { name, attributes } of deadLetterQueuesFirst)
    sqs.createQueue({ QueueName: name, Attributes: attributes });

  /** The settings that all functions share. */
  const config = parseEnv(commonEnv, declared.functions[0]?.environment ?? {});
  const { url: dynamodb } = await started(
    startDynamoDb({ tables: declared.tables, region: REGION, port: ports.dynamodb }),
  );
  const { url: s3 } = await started(startS3({ buckets: [config.BUCKET], region: REGION, port: ports.s3 }));
  const bridge = await started(startEventBridge({ buses: declared.buses, port: ports.eventbridge }));
  const endpoints = { sqs: sqsUrl, s3, dynamodb, eventbridge: bridge.url };
  return { declared, config, sqs, events: bridge.events, endpoints };
}

/** Milliseconds since 1970 that never go back. The model requires that. */
const monotonic = (): number => Math.floor(performance.timeOrigin + performance.now());
