import { declared, type Resource, resolver } from '../../../../packages/local/template/declared';

const Parameter: Resource = {
  Type: 'AWS::SSM::Parameter',
  Properties: {
    Value: {
      'Fn::Sub': JSON.stringify({
        ...{ account: `\${AWS::AccountId}`, bucket: 'example-bucket', prefix: 'jobs', table: 'example-rows' },
        ...{ emailRate: 100, hashKey: 'a-key', queues: { jobs: { type: 'fifo', retention: 1_209_600 } } },
      }),
    },
  },
};
const Worker: Resource = {
  Type: 'AWS::Lambda::Function',
  Properties: {
    ...{ FunctionName: 'example-worker', Handler: 'handlers/worker.handler', Timeout: 45, MemorySize: 256 },
    Code: { S3Bucket: { Ref: 'Deployments' }, S3Key: 'serverless/example/1/worker.zip' },
  },
};

test('a function has the expression of its schedule, and none if the rule is for events', () => {
  const Targets = [{ Arn: { 'Fn::GetAtt': ['Worker', 'Arn'] }, Id: 'schedule' }];
  const schedule = (when: object) => {
    const Rule: Resource = { Type: 'AWS::Events::Rule', Properties: { ...when, Targets } };
    return declared({ Parameter, Worker, Rule }, 'http://127.0.0.1:1').functions[0]?.schedule;
  };

  expect(schedule({ ScheduleExpression: 'rate(1 minute)' })).toBe('rate(1 minute)');
  expect(schedule({ EventPattern: {} })).toBeUndefined();
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
