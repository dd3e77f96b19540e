import { type Resource, resolver } from '../../../../packages/local/template/declared';

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
