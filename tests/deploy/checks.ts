import type { Account } from './arrived';
import type { Report } from './report';

/** The expected state of a stage in the account. Times are seconds. */
export interface Expected {
  stage: string;
  instance: string;
  retention: number;
  visibility: number;
  timeout: number;
  maximumConcurrency: number;
  retain: boolean;
  bucket: string;
  /** Tags of the instance's file. */
  tags?: Record<string, string>;
}

const DAYS_14 = 1_209_600;
const ACCOUNT = '123456789012';
export const stackName = ({ instance, stage }: Pick<Expected, 'instance' | 'stage'>) => `${instance}-jobs-${stage}`;

/** Checks a deployment through the real SDK. */
export async function checkArrived({ equal, check }: Report, account: Account, expected: Expected): Promise<void> {
  const { instance, stage, retention, visibility, timeout, maximumConcurrency, retain, bucket } = expected;
  const outputs = await account.outputs(stackName(expected));
  const url = (name: string) => `https://sqs.us-east-1.amazonaws.com/${ACCOUNT}/${name}`;
  const arn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
  const [main, dlq] = [`${instance}-feedback.fifo`, `${instance}-feedback-dlq.fifo`];
  equal(
    'outputs list both queues and the table',
    [outputs.FeedbackQueueUrl, outputs.FeedbackDlqUrl, outputs.JobsTableName],
    [url(main), url(dlq), `${instance}-jobs`],
  );

  const policy = (await account.stackPolicy(stackName(expected))) ?? '';
  check(
    'the stack policy refuses to replace or remove queues and table',
    /"Deny".*"Update:Replace","Update:Delete".*"AWS::SQS::Queue","AWS::DynamoDB::Table"/.test(policy),
    policy,
  );
  equal('the stack is protected if it is kept', await account.isProtected(stackName(expected)), retain);

  const queue = await account.queue(url(main));
  equal(
    'queue: FIFO, deduplication by id',
    [queue.attributes.FifoQueue, queue.attributes.ContentBasedDeduplication],
    ['true', 'false'],
  );
  equal(
    'queue: retention and visibility',
    [queue.attributes.MessageRetentionPeriod, queue.attributes.VisibilityTimeout],
    [String(retention), String(visibility)],
  );
  equal('queue: SQS dead-letters to its DLQ after three receives', JSON.parse(queue.attributes.RedrivePolicy ?? '{}'), {
    deadLetterTargetArn: arn(dlq),
    maxReceiveCount: 3,
  });
  equal('queue: encrypted at rest', queue.attributes.SqsManagedSseEnabled, 'true');
  equal('stack: tags', await account.stackTags(stackName(expected)), {
    ...{ instance, stage, service: 'background-jobs' },
    ...expected.tags,
  });

  const dead = await account.queue(url(dlq));
  equal(
    'DLQ: FIFO, 14 days, encrypted, no DLQ of its own',
    [
      dead.attributes.FifoQueue,
      dead.attributes.MessageRetentionPeriod,
      dead.attributes.SqsManagedSseEnabled,
      dead.attributes.RedrivePolicy,
    ],
    ['true', String(DAYS_14), 'true', undefined],
  );

  const table = await account.table(`${instance}-jobs`);
  equal(
    'table: key, on demand, deletion protection if it is kept',
    [table?.KeySchema, table?.BillingModeSummary?.BillingMode, table?.DeletionProtectionEnabled],
    [[{ AttributeName: 'key', KeyType: 'HASH' }], 'PAY_PER_REQUEST', retain],
  );
  equal(
    'table: indexes todo, hour and inGroup, keys only',
    table?.GlobalSecondaryIndexes?.map(({ IndexName, KeySchema, Projection }) => [
      IndexName,
      KeySchema?.map(({ AttributeName }) => AttributeName),
      Projection?.ProjectionType,
    ]),
    [
      ['todo', ['todo', 'todoAt'], 'KEYS_ONLY'],
      ['hour', ['hour', 'key'], 'KEYS_ONLY'],
      ['inGroup', ['inGroup', 'key'], 'KEYS_ONLY'],
    ],
  );

  const feedback = await account.lambdaFunction(`${instance}-feedback`);
  equal(
    'function: runtime and time-out',
    [feedback.configuration?.Runtime, feedback.configuration?.Timeout],
    ['nodejs24.x', timeout],
  );
  const environment = feedback.configuration?.Environment?.Variables ?? {};
  equal(
    'function: environment of this instance',
    [environment.INSTANCE, environment.TABLE, environment.BUCKET],
    [instance, `${instance}-jobs`, bucket],
  );
  check(
    'function: secrets are references',
    environment.ZENDESK_TOKEN === 'ssm:/mht/zendesk-token' &&
      environment.SENDGRID_API_KEY === 'secretsmanager:mht/sendgrid',
    Object.keys(environment),
  );

  const [mapping, ...more] = await account.mappings(`${instance}-feedback`);
  equal(
    'one event source mapping, from the queue',
    [mapping?.EventSourceArn, mapping?.State, more.length],
    [arn(main), 'Enabled', 0],
  );
  equal(
    'mapping: batch size, partial batch responses, concurrency',
    [mapping?.BatchSize, mapping?.FunctionResponseTypes, mapping?.ScalingConfig?.MaximumConcurrency],
    [1, ['ReportBatchItemFailures'], maximumConcurrency],
  );

  for (const name of ['feedback', 'reconciler'])
    equal(
      `role of ${name}: used by its function, no managed policy`,
      [
        (await account.lambdaFunction(`${instance}-${name}`)).configuration?.Role,
        await account.managedPolicies(`${instance}-${name}-us-east-1`),
      ],
      [`arn:aws:iam::${ACCOUNT}:role/${instance}-${name}-us-east-1`, 0],
    );
}
