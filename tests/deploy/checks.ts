import type { CompiledTemplate } from '../support/sls';
import type { Account } from './account';
import type { Report } from './report';

const ACCOUNT = '123456789012';
export const stackName = ({ instance, stage }: { instance: string; stage: string }) => `${instance}-jobs-${stage}`;

/** Checks through the real SDK that what the template says has arrived. The template's snapshot has each attribute. */
export async function checkArrived(
  { equal, check }: Report,
  account: Account,
  { instance, stage }: { instance: string; stage: string },
  { Resources }: CompiledTemplate,
): Promise<void> {
  const propertiesOf = (id: string): Record<string, unknown> => Resources[id]?.Properties ?? {};
  const { outputs, isProtected } = await account.stack(stackName({ instance, stage }));
  const url = (name: string) => `https://sqs.us-east-1.amazonaws.com/${ACCOUNT}/${name}`;
  const arn = (name: string) => `arn:aws:sqs:us-east-1:${ACCOUNT}:${name}`;
  const [main, dlq] = [`${instance}-feedback.fifo`, `${instance}-feedback-dlq.fifo`];
  equal(
    'outputs list both queues and the table',
    [outputs.FeedbackQueueUrl, outputs.FeedbackDlqUrl, outputs.JobsTableName],
    [url(main), url(dlq), `${instance}-jobs`],
  );

  const policy = (await account.stackPolicy(stackName({ instance, stage }))) ?? '';
  check(
    'the stack policy refuses to replace or remove queues and table',
    /"Deny".*"Update:Replace","Update:Delete".*"AWS::SQS::Queue","AWS::DynamoDB::Table"/.test(policy),
    policy,
  );
  equal('the stack is protected if it is kept', isProtected, stage === 'prod');

  const queue = await account.queue(main);
  const { MessageRetentionPeriod, VisibilityTimeout } = propertiesOf('FeedbackQueue');
  equal(
    'queue: retention and visibility',
    [queue.MessageRetentionPeriod, queue.VisibilityTimeout],
    [String(MessageRetentionPeriod), String(VisibilityTimeout)],
  );
  equal('queue: SQS dead-letters to its DLQ after three receives', JSON.parse(queue.RedrivePolicy ?? '{}'), {
    deadLetterTargetArn: arn(dlq),
    maxReceiveCount: 3,
  });

  const feedback = await account.lambdaFunction(`${instance}-feedback`);
  const { Timeout, Environment } = propertiesOf('FeedbackLambdaFunction');
  equal('function: runtime and time-out', [feedback?.Runtime, feedback?.Timeout], ['nodejs24.x', Timeout]);
  equal('function: environment', feedback?.Environment, Environment);
  const mappings = await account.mappings(`${instance}-feedback`);
  equal(
    'one event source mapping, from the queue',
    mappings.map(({ EventSourceArn, State, ScalingConfig }) => [EventSourceArn, State, ScalingConfig]),
    [[arn(main), 'Enabled', propertiesOf('FeedbackEventSourceMappingSQSFeedbackQueue').ScalingConfig]],
  );
}
