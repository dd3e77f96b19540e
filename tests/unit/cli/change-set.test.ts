import type { ResourceChange } from '@aws-sdk/client-cloudformation';
import { OperatorError } from '../../../lib/operate/ops/operator';
import { changeLines, plannedChanges } from '../../../packages/cli/stack';
import { fakeAws, NO_STACK, stackXml, xml } from '../../support/fake-aws';

const change = (more: ResourceChange): ResourceChange => ({
  ...{ Action: 'Modify', ResourceType: 'AWS::SQS::Queue', LogicalResourceId: 'FeedbackQueue', Replacement: 'False' },
  ...more,
});
const details = (...names: string[]) => names.map((Name) => ({ Target: { Attribute: 'Properties' as const, Name } }));

const QUEUE = 'AWS::SQS::Queue FeedbackQueue';

test.each<[ResourceChange, string]>([
  [{ Action: 'Add' }, `add ${QUEUE}`],
  [{ Details: details('VisibilityTimeout', 'Tags', 'Tags') }, `change ${QUEUE}: VisibilityTimeout, Tags`],
  [{ Scope: ['Tags'] }, `change ${QUEUE}: Tags`],
  [{ Replacement: 'Conditional' }, `perhaps REPLACE ${QUEUE}`],
  [{ Replacement: 'True', Details: details('QueueName') }, `REPLACE ${QUEUE}: QueueName`],
  [{ Action: 'Remove', PolicyAction: 'Delete' }, `REMOVE ${QUEUE}`],
  [{ Action: 'Remove', PolicyAction: 'Retain' }, `no longer manage, but keep ${QUEUE}`],
])('a change of CloudFormation in plain words: %j', (one, line) => {
  expect(changeLines([change(one)])).toEqual([line]);
});

test('what an operator must not miss comes last, and no change is reported too', () => {
  const changes = [{ Action: 'Remove' }, { Replacement: 'True' }, {}, { Action: 'Add' }] as const;

  const order = changeLines(changes.map(change)).map((line) => line.split(' ')[0]);
  expect(order).toEqual(['add', 'change', 'REPLACE', 'REMOVE']);
  expect(changeLines([])).toEqual(['nothing']);
});

/** Plans a deployment in an account with these answers, by the names of the actions. `asked`: what it was asked. */
async function planned(answers: Record<string, string>) {
  const asked: string[] = [];
  const aws = await fakeAws(({ request: { method, url }, body, action = `${method} ${url?.split('?')[0]}` }) => {
    asked.push(`${action} ${new URLSearchParams(body).get('ChangeSetType') ?? ''}`.trim().replace(/plan-\d+/, 'plan'));
    const answer = answers[action] ?? (url?.startsWith('/the-bucket/') ? '' : undefined);
    return answer === undefined ? NO_STACK : [200, answer];
  });
  const template = { Resources: { FeedbackQueue: { Type: 'AWS::SQS::Queue' } } };
  const stack = { stack: 'acme-jobs-prod', tags: { instance: 'acme' }, template };
  const plan = await plannedChanges(stack, aws.config).catch((error: unknown) => error);
  await aws.close();
  return { plan, asked };
}

const described = (status: string, more = '') => ({
  DescribeStacks: stackXml({ ServerlessDeploymentBucketName: 'the-bucket' }),
  CreateChangeSet: xml('CreateChangeSet'),
  DescribeChangeSet: xml('DescribeChangeSet', `<Status>${status}</Status>${more}`),
  DeleteChangeSet: xml('DeleteChangeSet'),
});

test('a plan of a first deployment adds everything, and leaves no stack behind', async () => {
  const { plan, asked } = await planned({});

  expect(plan).toEqual(['add AWS::SQS::Queue FeedbackQueue']);
  expect(asked).toEqual(['DescribeStacks']);
});

test('a plan reads a change set, and deletes it and the template', async () => {
  const gone = '<ResourceType>AWS::SNS::Topic</ResourceType><LogicalResourceId>AlarmTopic</LogicalResourceId>';
  const removal = `<ResourceChange><Action>Remove</Action>${gone}</ResourceChange>`;
  const answers = described('CREATE_COMPLETE', `<Changes><member>${removal}</member></Changes>`);

  const { plan, asked } = await planned(answers);

  expect(plan).toEqual(['REMOVE AWS::SNS::Topic AlarmTopic']);
  expect(asked).toEqual([
    ...['DescribeStacks', 'PUT /the-bucket/plans/plan.json', 'CreateChangeSet UPDATE'],
    ...['DescribeChangeSet', 'DescribeChangeSet', 'DeleteChangeSet', 'DELETE /the-bucket/plans/plan.json'],
  ]);
});

const WRONG = 'Template error: unresolved reference';
test.each([
  ["The submitted information didn't contain changes.", ['nothing']],
  [WRONG, new OperatorError(`CloudFormation made no change set (FAILED): ${WRONG}`)],
])('a plan whose change set fails (%s) deletes it too', async (reason, expected) => {
  const { plan, asked } = await planned(described('FAILED', `<StatusReason>${reason}</StatusReason>`));

  expect(plan).toEqual(expected);
  expect(asked.slice(-2)).toEqual(['DeleteChangeSet', 'DELETE /the-bucket/plans/plan.json']);
});
