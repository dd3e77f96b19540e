import { randomUUID } from 'node:crypto';
import { type CommonConfig, commonEnv } from '../config/common';
import { parseEnv } from '../config/environment';
import { startDynamoDb } from './emulators/dynamodb';
import { startEventBridge, type TakenEvent } from './emulators/eventbridge';
import { startS3 } from './emulators/s3';
import type { Ports } from './listen-port';
import { createSqsModel } from './sqs/model';
import { startSqs } from './sqs/server';
import type { SqsModel } from './sqs/types';
import { type Declared, declared as declaredIn } from './template/declared';
import type { Packaged } from './template/package';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

/** The queues, tables and buckets of the template, in emulators. */
export interface Cloud {
  declared: Declared;
  config: CommonConfig;
  sqs: SqsModel;
  /** The events that the bus took. */
  events: readonly TakenEvent[];
  endpoints: { sqs: string; s3: string; dynamodb: string; eventbridge: string };
}

/** Registers how to stop a part that was started. The service stops its parts in reverse order. */
export type OnStop = (close: () => Promise<unknown>) => void;

/** Starts SQS, DynamoDB and S3 with the template's queues and tables, and the bucket that the functions name. */
export async function startCloud(packaged: Packaged, ports: Ports, onStop: OnStop): Promise<Cloud> {
  const sqs = createSqsModel({ now: monotonic, uuid: randomUUID, region: REGION, account: ACCOUNT });
  const sqsServer = await startSqs({ model: sqs, port: ports.sqs });
  onStop(() => sqsServer.close());

  const { resources } = packaged;
  const declared = declaredIn({ resources, region: REGION, account: ACCOUNT, stack: 'local', sqsUrl: sqsServer.url });
  // A redrive policy may name only an existing queue, so the DLQs come first.
  const deadLetterQueuesFirst = declared.queues.toSorted(
    (a, b) => Number('RedrivePolicy' in a.attributes) - Number('RedrivePolicy' in b.attributes),
  );
  for (const { name, attributes } of deadLetterQueuesFirst)
    sqs.createQueue({ QueueName: name, Attributes: attributes });

  const config = commonConfig(declared);
  const dynamodb = await startDynamoDb({ tables: declared.tables, region: REGION, port: ports.dynamodb });
  onStop(() => dynamodb.close());
  const s3 = await startS3({ buckets: [config.BUCKET], region: REGION, port: ports.s3 });
  onStop(() => s3.close());
  const bridge = await startEventBridge({ buses: declared.buses, port: ports.eventbridge });
  onStop(() => bridge.close());
  const endpoints = { sqs: sqsServer.url, s3: s3.url, dynamodb: dynamodb.url, eventbridge: bridge.url };
  return { declared, config, sqs, events: bridge.events, endpoints };
}

/** Reads the common settings from the environment of the first function. */
function commonConfig({ functions: [first] }: Declared): CommonConfig {
  if (!first) throw new Error('template: declares no function');
  return parseEnv(commonEnv, first.environment);
}

/** Milliseconds since 1970 that never go back. The model requires that. */
const monotonic = (): number => Math.floor(performance.timeOrigin + performance.now());
