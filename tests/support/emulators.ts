import { readFileSync } from 'node:fs';
import { type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { parse } from 'yaml';
import { clientDefaults } from '../../lib/aws/clients';
import { localPorts } from '../../packages/local/connection';
import { startDynamoDb, startS3 as startS3Emulator } from '../../packages/local/emulators';
import { type Emulator, LOCAL_CREDENTIALS } from '../../packages/local/loopback';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs as startSqsServer } from '../../packages/local/sqs/server';

const region = 'us-east-1';

/** The keys of the jobs table and its indexes, as resources/table.yml declares them. */
const jobsTable = tableOf(readFileSync('resources/table.yml', 'utf8'));

function tableOf(yaml: string): TableKeys {
  const { Resources } = parse(yaml, { logLevel: 'silent' }) as { Resources: { JobsTable: { Properties: TableKeys } } };
  const { BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = Resources.JobsTable.Properties;
  return { BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes };
}

type TableKeys = Required<
  Pick<CreateTableCommandInput, 'BillingMode' | 'AttributeDefinitions' | 'KeySchema' | 'GlobalSecondaryIndexes'>
>;

export const TABLE = 'jobs';

/** How our clients reach an emulator. All other settings are as in production. */
export const against = (endpoint: string) => ({ ...clientDefaults, endpoint, region, credentials: LOCAL_CREDENTIALS });

const withClient = <C extends { destroy(): void }>(emulator: Emulator, client: C) => ({
  client,
  url: emulator.url,
  close: async () => {
    client.destroy();
    await emulator.close();
  },
});

export async function startDynamo() {
  const emulator = await startDynamoDb([{ TableName: TABLE, ...jobsTable }]);
  return withClient(emulator, new DynamoDBClient(against(emulator.url)));
}

export async function startS3(bucket: string) {
  const emulator = await startS3Emulator(bucket);
  return withClient(emulator, new S3Client(against(emulator.url)));
}

const newModel = () => createSqsModel({ now: Date.now, uuid: () => crypto.randomUUID() });
export const startSqs = () => startSqsServer(newModel());

/** SQS with these FIFO queues, DynamoDB with the jobs table and S3 with a bucket, and our ports to them. */
export async function startAws({ queues = [] as string[], table = TABLE, bucket = 'a-bucket', model = newModel() }) {
  for (const QueueName of queues) model.createQueue({ QueueName, Attributes: { FifoQueue: 'true' } });
  const [sqs, dynamodb, s3] = await Promise.all([
    startSqsServer(model),
    startDynamoDb([{ TableName: table, ...jobsTable }]),
    startS3Emulator(bucket),
  ]);
  const endpoints = { sqs: sqs.url, dynamodb: dynamodb.url, s3: s3.url, aws: 'http://127.0.0.1:1' };
  const ports = localPorts(endpoints, { table, bucket });
  return {
    ...{ ...ports, model, endpoints },
    close: async () => {
      ports.close();
      await Promise.all([sqs, dynamodb, s3].map((emulator) => emulator.close()));
    },
  };
}
