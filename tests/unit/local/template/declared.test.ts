import { declared, type Resource, resolver } from '../../../../packages/local/template/declared';

const read = (resources: Record<string, Resource>) =>
  declared({ ...resources, Parameter: parameter }, 'http://127.0.0.1:1');

const producer = {
  ...{ account: '000000000000', bucket: 'example-bucket', prefix: 'jobs', table: 'example-rows', emailRate: 100 },
  ...{ hashKey: 'a-key', queues: { jobs: { type: 'fifo', retention: 1_209_600 } } },
};
const parameter: Resource = {
  Type: 'AWS::SSM::Parameter',
  Properties: { Value: { 'Fn::Sub': JSON.stringify({ ...producer, account: `\${AWS::AccountId}` }) } },
};

const worker: Resource = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    ...{ FunctionName: 'example-worker', Handler: 'handlers/worker.handler', Timeout: 45, MemorySize: 256 },
    Code: { S3Bucket: { Ref: 'Deployments' }, S3Key: 'serverless/example/1/worker.zip' },
    Role: { 'Fn::GetAtt': ['WorkerRole', 'Arn'] },
    Environment: { Variables: { TABLE: { Ref: 'Rows' } } },
  },
};
const rows = {
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
    ScalingConfig: { MaximumConcurrency: 5 },
  },
};
const rule: Resource = {
  Type: 'AWS::Events::Rule',
  Properties: {
    ScheduleExpression: 'rate(1 minute)',
    Targets: [{ Arn: { 'Fn::GetAtt': ['Worker', 'Arn'] }, Id: 'schedule' }],
  },
};

const all = { Worker: worker, Rows: rows, Jobs: jobs, Dead: dead, Mapping: mapping };

test('what can run here is read, in the form that the emulators take', () => {
  const { queues, tables, functions, mappings, producer: settings } = read(all);

  const dlq = 'arn:aws:sqs:us-east-1:000000000000:example-jobs-dlq.fifo';
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq, maxReceiveCount: 3 });
  expect(queues[0]).toMatchObject({
    name: 'example-jobs.fifo',
    attributes: { FifoQueue: 'true', VisibilityTimeout: '300', RedrivePolicy },
  });
  expect(queues[0]?.attributes).not.toHaveProperty('Tags');
  const { PointInTimeRecoverySpecification: _, TimeToLiveSpecification: __, ...create } = rows.Properties;
  expect(tables).toEqual([create]);
  expect(functions).toMatchObject([{ key: 'worker', environment: { TABLE: 'example-rows' } }]);
  expect(mappings).toMatchObject([{ queue: 'example-jobs.fifo', worker: { key: 'worker' }, maximumConcurrency: 5 }]);
  expect(settings).toEqual(producer);
});

test('a function has the expression of its schedule, and none if the rule is for events', () => {
  const ofEvents = { ...rule.Properties, ScheduleExpression: undefined, EventPattern: {} };
  const schedule = (Rule: Resource) => read({ ...all, Rule }).functions[0]?.schedule;

  expect([schedule(rule), schedule({ ...rule, Properties: ofEvents })]).toEqual(['rate(1 minute)', undefined]);
});

const resources: Record<string, Resource> = {
  Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::Sub': `\${AWS::StackName}-jobs.fifo` } } },
  Rows: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'example-rows' } },
  Role: { Type: 'AWS::IAM::Role', Properties: {} },
};
const at = { region: 'eu-central-1', account: '000000000000', sqsUrl: 'http://127.0.0.1:9324' };
const resolve = resolver({ resources, ...at });

test.each([
  [{ Ref: 'Jobs' }, 'http://127.0.0.1:9324/000000000000/local-jobs.fifo'],
  [{ 'Fn::GetAtt': ['Jobs', 'Arn'] }, 'arn:aws:sqs:eu-central-1:000000000000:local-jobs.fifo'],
  [{ 'Fn::Join': ['-', ['a', { Ref: 'AWS::Region' }]] }, 'a-eu-central-1'],
  [{ 'Fn::Sub': `\${AWS::AccountId}/\${Rows}/\${Jobs.QueueName}` }, '000000000000/example-rows/local-jobs.fifo'],
  [{ a: [{ b: { Ref: 'Rows' } }, 3, null] }, { a: [{ b: 'example-rows' }, 3, null] }],
])('%j is resolved as CloudFormation does it', (value, expected) => {
  expect(resolve(value)).toEqual(expected);
});

test.each([
  [{ Ref: 'Missing' }, 'Missing is nothing, which has no Ref here'],
  [{ 'Fn::GetAtt': ['Role', 'Arn'] }, 'Role is AWS::IAM::Role, which has no Arn here'],
  [{ 'Fn::ImportValue': 'x' }, 'Fn::ImportValue is not supported'],
])('%j is an error that names it', (value, message) => {
  expect(() => resolve(value)).toThrow(message);
});
