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

const ACCOUNT = '123456789012';
export const stackName = ({ instance, stage }: Pick<Expected, 'instance' | 'stage'>) => `${instance}-jobs-${stage}`;

/** Checks a deployment through the real SDK. The template's snapshot has each attribute. */
export async function checkArrived({ equal, check }: Report, account: Account, expected: Expected): Promise<void> {
  const { instance, stage, retention, visibility, timeout, maximumConcurrency, retain, bucket } = expected;
  const { outputs, tags, isProtected } = await account.stack(stackName(expected));
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
  equal('the stack is protected if it is kept', isProtected, retain);

  const queue = await account.queue(url(main));
  equal(
    'queue: retention and visibility',
    [queue.MessageRetentionPeriod, queue.VisibilityTimeout],
    [String(retention), String(visibility)],
  );
  equal('queue: SQS dead-letters to its DLQ after three receives', JSON.parse(queue.RedrivePolicy ?? '{}'), {
    deadLetterTargetArn: arn(dlq),
    maxReceiveCount: 3,
  });
  equal('stack: tags', tags, {
    ...{ instance, stage, service: 'background-jobs' },
    ...expected.tags,
  });

  const feedback = await account.lambdaFunction(`${instance}-feedback`);
  equal('function: runtime and time-out', [feedback?.Runtime, feedback?.Timeout], ['nodejs24.x', timeout]);
  const environment = feedback?.Environment?.Variables ?? {};
  equal(
    'function: environment of this instance',
    [environment.INSTANCE, environment.TABLE, environment.BUCKET],
    [instance, `${instance}-jobs`, bucket],
  );
  const [mapping, ...more] = await account.mappings(`${instance}-feedback`);
  equal(
    'one event source mapping, from the queue',
    [mapping?.EventSourceArn, mapping?.State, more.length],
    [arn(main), 'Enabled', 0],
  );
  equal('mapping: concurrency', mapping?.ScalingConfig?.MaximumConcurrency, maximumConcurrency);
}
