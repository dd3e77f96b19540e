import { declared } from '../../../../lib/local/template/declared';
import type { Resource } from '../../../../lib/local/template/intrinsics';

const read = (resources: Record<string, Resource>) =>
  declared({
    resources: { ...resources, Parameter: parameter },
    region: 'us-east-1',
    account: '000000000000',
    sqsUrl: 'http://127.0.0.1:1',
  });

const producer = {
  account: '000000000000',
  bucket: 'example-bucket',
  prefix: 'jobs',
  table: 'example-rows',
  emailRate: 100,
  hashKey: 'a-key',
  queues: { jobs: { type: 'fifo', retention: 1_209_600 } },
};
const parameter: Resource = {
  Type: 'AWS::SSM::Parameter',
  Properties: { Value: { 'Fn::Sub': JSON.stringify({ ...producer, account: `\${AWS::AccountId}` }) } },
};

const worker: Resource = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    FunctionName: 'example-worker',
    Handler: 'handlers/worker.handler',
    Timeout: 45,
    MemorySize: 256,
    Code: { S3Bucket: { Ref: 'Deployments' }, S3Key: 'serverless/example/1/worker.zip' },
    Role: { 'Fn::GetAtt': ['WorkerRole', 'Arn'] },
    Environment: { Variables: { TABLE: { Ref: 'Rows' } } },
  },
};
const rows: Resource = {
  Type: 'AWS::DynamoDB::Table',
  Properties: {
    TableName: 'example-rows',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
    GlobalSecondaryIndexes: [{ IndexName: 'todo' }],
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
  },
};
const jobs: Resource = {
  Type: 'AWS::SQS::Queue',
  Properties: {
    QueueName: 'example-jobs.fifo',
    FifoQueue: true,
    VisibilityTimeout: 300,
    RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['Dead', 'Arn'] }, maxReceiveCount: 3 },
    Tags: [{ Key: 'stage', Value: 'example' }],
  },
};
const dead: Resource = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'example-jobs-dlq.fifo', FifoQueue: true } };
const mapping: Resource = {
  Type: 'AWS::Lambda::EventSourceMapping',
  Properties: {
    BatchSize: 1,
    EventSourceArn: { 'Fn::GetAtt': ['Jobs', 'Arn'] },
    FunctionName: { 'Fn::GetAtt': ['Worker', 'Arn'] },
    Enabled: true,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: 5 },
  },
};
const rule: Resource = {
  Type: 'AWS::Events::Rule',
  Properties: {
    ScheduleExpression: 'rate(1 minute)',
    State: 'ENABLED',
    Targets: [{ Arn: { 'Fn::GetAtt': ['Worker', 'Arn'] }, Id: 'schedule' }],
  },
};

test('a queue keeps every attribute, with its redrive policy in the form of SQS', () => {
  const { queues } = read({ Jobs: jobs, Dead: dead });

  expect(queues[0]).toEqual({
    name: 'example-jobs.fifo',
    arn: 'arn:aws:sqs:us-east-1:000000000000:example-jobs.fifo',
    url: 'http://127.0.0.1:1/000000000000/example-jobs.fifo',
    attributes: {
      FifoQueue: 'true',
      VisibilityTimeout: '300',
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: 'arn:aws:sqs:us-east-1:000000000000:example-jobs-dlq.fifo',
        maxReceiveCount: 3,
      }),
    },
  });
});

test('a table keeps its keys and indexes and drops properties that CreateTable does not take', () => {
  const { tables } = read({ Rows: rows });

  expect(tables).toEqual([
    {
      name: 'example-rows',
      create: {
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
        GlobalSecondaryIndexes: [{ IndexName: 'todo' }],
      },
    },
  ]);
});

test('a function has its key from serverless.yml, and its role is not resolved', () => {
  const { functions } = read({ Worker: worker, Rows: rows });

  expect(functions).toEqual([
    {
      key: 'worker',
      name: 'example-worker',
      arn: 'arn:aws:lambda:us-east-1:000000000000:function:example-worker',
      handler: 'handlers/worker.handler',
      timeoutSeconds: 45,
      memoryMb: 256,
      environment: { TABLE: 'example-rows' },
      artifact: 'worker.zip',
    },
  ]);
});

test('an event source mapping connects a queue with a function', () => {
  const { mappings } = read({ Worker: worker, Rows: rows, Jobs: jobs, Dead: dead, Mapping: mapping });

  expect(mappings).toEqual([
    {
      queue: 'example-jobs.fifo',
      worker: expect.objectContaining({ key: 'worker' }),
      batchSize: 1,
      maximumConcurrency: 5,
      enabled: true,
    },
  ]);
});

test.each([
  ['has the expression of its schedule', {}, 'rate(1 minute)'],
  ['has no schedule if the rule is disabled', { State: 'DISABLED' }, undefined],
  ['has no schedule if the rule is for events', { ScheduleExpression: undefined, EventPattern: {} }, undefined],
])('a function %s', (_name, changes, expression) => {
  const changed = { ...rule, Properties: { ...rule.Properties, ...changes } };

  expect(read({ Worker: worker, Rows: rows, Rule: changed }).functions[0]?.schedule).toBe(expression);
});

test('a mapping that answers for whole batches is refused', () => {
  const whole = { ...mapping, Properties: { ...mapping.Properties, FunctionResponseTypes: undefined } };

  expect(() => read({ Worker: worker, Rows: rows, Jobs: jobs, Dead: dead, Mapping: whole })).toThrow(
    'FunctionResponse',
  );
});

test('the producer has the settings that the stack writes', () => {
  expect(read({}).producer).toEqual(producer);
});
