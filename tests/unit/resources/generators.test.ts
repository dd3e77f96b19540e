import { type Context, parseContext } from '../../../resources/context';
import { jobsTableResources } from '../../../resources/jobs-table';
import { ConfigurationProblems } from '../../../resources/problems';
import { queueResources } from '../../../resources/queue';
import { parseQueueTable } from '../../../resources/queue-table';

const context: Context = {
  service: 'background-jobs',
  stage: 'prod',
  instance: 'acme',
  bucket: 'team-bucket',
  prefix: 'jobs',
  retain: true,
};

function queue(changes: object, changed: Partial<Context> = {}) {
  const [row] = parseQueueTable({
    feedback: { type: 'fifo', retention: 3600, visibility: 300, receives: 3, batch: 1, ordered: false, ...changes },
  });
  if (!row) throw new Error('no row');
  return queueResources(row, { ...context, ...changed });
}

test('a queue and its DLQ have the same type, the instance in their names, encryption and tags', () => {
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
      Tags: [
        { Key: 'instance', Value: 'acme' },
        { Key: 'stage', Value: 'prod' },
        { Key: 'service', Value: 'background-jobs' },
      ],
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

test('generators return the same resources for the same row and context', () => {
  expect(queue({})).toEqual(queue({}));
  expect(jobsTableResources(context)).toEqual(jobsTableResources(context));
});

test.each<[string, Partial<Record<keyof Context, unknown>>, string]>([
  ['a stage without an instance', { stage: 'dev', instance: '' }, 'stage dev has no instance'],
  ['an instance that is not a valid name', { instance: 'Acme_X' }, 'param instance: must be 2 to 32 lowercase'],
  ['an instance too long for a role', { instance: 'a'.repeat(33) }, 'param instance: must be 2 to 32 lowercase'],
  ['a wildcard in the prefix', { prefix: 'jobs/*' }, 'param prefix: must be parts separated by /'],
  ['a wildcard in the bucket', { bucket: '*' }, 'param bucket: must be lowercase'],
])('%s is refused with parameter, rule and value', (_what, changes, expected) => {
  const parse = () => parseContext({ ...context, ...changes });

  expect(parse).toThrow(ConfigurationProblems);
  expect(parse).toThrow(expected);
});

test('a parameter from the command line may be the text true or false', () => {
  expect(parseContext({ ...context, retain: 'true' }).retain).toBe(true);
  expect(parseContext({ ...context, retain: 'false' }).retain).toBe(false);
});
