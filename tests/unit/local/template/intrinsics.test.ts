import { type Resource, resolver } from '../../../../lib/local/template/intrinsics';

const resources: Record<string, Resource> = {
  Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'example-jobs.fifo' } },
  Named: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::Sub': `\${AWS::StackName}-named` } } },
  Rows: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'example-rows' } },
  Worker: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: 'example-worker' } },
  Alerts: { Type: 'AWS::SNS::Topic', Properties: { TopicName: 'example-alerts' } },
  Files: { Type: 'AWS::S3::Bucket', Properties: {} },
  Role: { Type: 'AWS::IAM::Role', Properties: {} },
};

const resolve = resolver({
  resources,
  region: 'eu-central-1',
  account: '000000000000',
  stack: 'example',
  sqsUrl: 'http://127.0.0.1:9324',
});

test.each([
  ['Ref of a queue is its URL', { Ref: 'Jobs' }, 'http://127.0.0.1:9324/000000000000/example-jobs.fifo'],
  ['GetAtt as a list', { 'Fn::GetAtt': ['Jobs', 'Arn'] }, 'arn:aws:sqs:eu-central-1:000000000000:example-jobs.fifo'],
  ['GetAtt with a dot', { 'Fn::GetAtt': 'Jobs.QueueName' }, 'example-jobs.fifo'],
  ['a name that is itself an expression', { 'Fn::GetAtt': ['Named', 'QueueName'] }, 'example-named'],
  ['Ref of a table is its name', { Ref: 'Rows' }, 'example-rows'],
  [
    'a function',
    { 'Fn::GetAtt': ['Worker', 'Arn'] },
    'arn:aws:lambda:eu-central-1:000000000000:function:example-worker',
  ],
  ['Ref of a topic is its ARN', { Ref: 'Alerts' }, 'arn:aws:sns:eu-central-1:000000000000:example-alerts'],
  ['a bucket without a name has its logical id as name', { 'Fn::GetAtt': ['Files', 'Arn'] }, 'arn:aws:s3:::Files'],
  ['Join', { 'Fn::Join': ['-', ['a', { Ref: 'AWS::Region' }]] }, 'a-eu-central-1'],
  [
    'Sub of names and attributes',
    { 'Fn::Sub': `\${AWS::AccountId}/\${Rows}/\${Jobs.QueueName}` },
    '000000000000/example-rows/example-jobs.fifo',
  ],
  ['Sub with its own map', { 'Fn::Sub': [`\${a}-\${AWS::Partition}`, { a: { Ref: 'Rows' } }] }, 'example-rows-aws'],
  ['an escaped Sub', { 'Fn::Sub': `\${!Literal}` }, `\${Literal}`],
  ['a nested reference', { a: [{ b: { Ref: 'Rows' } }, 3, null] }, { a: [{ b: 'example-rows' }, 3, null] }],
])('%s', (_, value, expected) => {
  expect(resolve(value)).toEqual(expected);
});

test.each([
  ['a missing resource', { Ref: 'Missing' }, 'Missing is referenced but not declared'],
  ['an unsupported type', { 'Fn::GetAtt': ['Role', 'Arn'] }, 'Role: a reference to AWS::IAM::Role'],
  ['an unknown attribute', { 'Fn::GetAtt': ['Jobs', 'Colour'] }, 'Jobs: AWS::SQS::Queue has no attribute Colour'],
  ['an unsupported function', { 'Fn::ImportValue': 'x' }, 'Fn::ImportValue is not supported'],
])('the error names %s', (_, value, message) => {
  expect(() => resolve(value)).toThrow(message);
});
