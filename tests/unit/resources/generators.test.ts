import type { QueueRow } from '../../../lib/instances/queue-row';
import type { Context } from '../../../resources/context';
import { jobsTableResources } from '../../../resources/jobs-table';
import { queueResources } from '../../../resources/queue';
import { queueRow } from '../../support/queue-row';

const context: Context = {
  service: 'background-jobs',
  stage: 'prod',
  instance: 'acme',
  bucket: 'team-bucket',
  prefix: 'jobs',
  retain: true,
};

const queue = (changes: Partial<QueueRow>, changed: Partial<Context> = {}) =>
  queueResources(queueRow('feedback', changes), { ...context, ...changed });

test('a queue and its DLQ have the same type, the instance in their names, and encryption', () => {
  const { Resources } = queue({});

  for (const [id, name] of [
    ['FeedbackQueue', 'acme-feedback.fifo'],
    ['FeedbackDlq', 'acme-feedback-dlq.fifo'],
  ] as const)
    expect(Resources[id]?.Properties).toMatchObject({
      QueueName: name,
      FifoQueue: true,
      ContentBasedDeduplication: false,
      SqsManagedSseEnabled: true,
    });
});

test('a standard queue has no FIFO attribute and no .fifo in its name', () => {
  const { Resources } = queue({ type: 'standard' });

  for (const id of ['FeedbackQueue', 'FeedbackDlq']) {
    const properties = Resources[id]?.Properties ?? {};
    expect(Object.keys(properties).filter((key) => /Fifo|Dedup/.test(key))).toEqual([]);
    expect(properties.QueueName).not.toContain('.fifo');
  }
});

test('a queue with high throughput deduplicates and limits per message group', () => {
  const { Resources } = queue({ throughput: 'high' });

  expect(Resources.FeedbackQueue?.Properties).toMatchObject({
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
  });
});

test('a DLQ accepts messages of its own queue only', () => {
  const { Resources } = queue({});

  expect(Resources.FeedbackDlq?.Properties.RedriveAllowPolicy).toEqual({
    redrivePermission: 'byQueue',
    sourceQueueArns: [{ 'Fn::Sub': expect.stringMatching(/^arn:[^*]*:sqs:[^*]*:acme-feedback\.fifo$/) }],
  });
});

test('CloudFormation keeps queues and table only if the context says so', () => {
  const kept = (retain: boolean) =>
    [
      ...Object.values(queue({}, { retain }).Resources),
      ...Object.values(jobsTableResources({ ...context, retain }).Resources),
    ].map(({ Type, DeletionPolicy, UpdateReplacePolicy }) => [Type, DeletionPolicy, UpdateReplacePolicy]);

  expect(kept(true).filter(([type]) => type !== 'AWS::SQS::QueuePolicy')).toEqual([
    ['AWS::SQS::Queue', 'Retain', 'Retain'],
    ['AWS::SQS::Queue', 'Retain', 'Retain'],
    ['AWS::DynamoDB::Table', 'Retain', 'Retain'],
  ]);
  expect(kept(false).every(([, deletion]) => deletion === undefined)).toBe(true);
});

test('the table forgets expired rows, can be restored, and is encrypted and protected', () => {
  expect(jobsTableResources(context).Resources.JobsTable?.Properties).toMatchObject({
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    SSESpecification: { SSEEnabled: true },
    DeletionProtectionEnabled: true,
  });
});

test('generators return the same resources for the same row and context', () => {
  expect(queue({})).toEqual(queue({}));
  expect(jobsTableResources(context)).toEqual(jobsTableResources(context));
});
