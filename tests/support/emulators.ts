import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { localPorts } from '../../packages/local/connection';
import { startDynamoDb, startS3 } from '../../packages/local/emulators';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs } from '../../packages/local/sqs/server';

interface Resources {
  Resources: { JobsTable: { Properties: Record<string, unknown> } };
}

/** The keys of the jobs table and its indexes, as resources/table.yml declares them. */
const { BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes } = (
  parse(readFileSync('resources/table.yml', 'utf8'), { logLevel: 'silent' }) as Resources
).Resources.JobsTable.Properties;
const jobsTable = { BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes };

export const TABLE = 'jobs';

/** SQS with these FIFO queues, DynamoDB with the jobs table and S3 with a bucket, and our ports to them. */
export async function startAws({
  queues = [] as string[],
  table = TABLE,
  bucket = 'a-bucket',
  model = createSqsModel({ now: Date.now, uuid: () => crypto.randomUUID() }),
}) {
  for (const QueueName of queues) model.createQueue({ QueueName, Attributes: { FifoQueue: 'true' } });
  const [sqs, dynamodb, s3] = await Promise.all([
    startSqs(model),
    startDynamoDb([{ TableName: table, ...jobsTable }]),
    startS3(bucket),
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
