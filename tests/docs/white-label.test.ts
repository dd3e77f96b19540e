import { readFileSync } from 'node:fs';
import { deploymentProblems } from '../../packages/cli/check';
import { resolver } from '../../packages/local/template/declared';
import { functionsOf } from '../../resources/instances/instance';
import { parseInstance } from '../../resources/instances/read';
import { instanceFolder, problemsOf } from '../support/instances';
import { templateOf } from '../support/packages';

const page = readFileSync('docs/white-label.md', 'utf8');
const file = (/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/eventsKey: …/, `eventsKey: ${'A'.repeat(91)}=`);

const region = 'eu-central-1';
const account = '210987654321';
interface Policy {
  Statement: { Action: string | string[]; Resource: string | string[]; Condition?: object }[];
}

/** As the shell does it in docs/getting-started.md: each word once a line, and STACK is the cut name of the stack. */
function policyOf(instance: string, stage: string): Policy {
  const STACK = `${instance}-jobs-${stage}`.slice(0, 24).replace(/-$/, '');
  const words = {
    ...{ STACK, INSTANCE: instance, ACCOUNT: account, REGION: region },
    ...{ BUCKET: 'initech-data', PREFIX: 'initech' },
  };
  const lines = readFileSync('docs/deployer-policy.json', 'utf8').split('\n');
  const filledIn = lines.map((line) =>
    Object.entries(words).reduce((text, [word, value]) => text.replace(word, value), line),
  );
  return JSON.parse(filledIn.join('\n')) as Policy;
}
const policy = policyOf('initech', 'prod');

const arn = (service: string, name: string) => `arn:aws:${service}:${region}:${account}:${name}`;
const global = (service: string, name: string) => `arn:aws:${service}::${account}:${name}`;
type Call = [action: string, resource: string];

/** What CloudFormation calls to create a resource of each type, and on which ARN. */
const CREATES: Record<string, (name: string) => Call> = {
  'AWS::SQS::Queue': (name) => ['sqs:CreateQueue', arn('sqs', name)],
  'AWS::DynamoDB::Table': (name) => ['dynamodb:CreateTable', arn('dynamodb', `table/${name}`)],
  'AWS::Lambda::Function': (name) => ['lambda:CreateFunction', arn('lambda', `function:${name}`)],
  'AWS::Logs::LogGroup': (name) => ['logs:CreateLogGroup', arn('logs', `log-group:${name}`)],
  'AWS::SNS::Topic': (name) => ['sns:CreateTopic', arn('sns', name)],
  'AWS::SSM::Parameter': (name) => ['ssm:PutParameter', arn('ssm', `parameter${name}`)],
  'AWS::CloudWatch::Alarm': (name) => ['cloudwatch:PutMetricAlarm', arn('cloudwatch', `alarm:${name}`)],
  'AWS::CloudWatch::Dashboard': (name) => ['cloudwatch:PutDashboard', global('cloudwatch', `dashboard/${name}`)],
  'AWS::Events::Rule': (name) => ['events:PutRule', arn('events', `rule/${name}`)],
  'AWS::IAM::Role': (name) => ['iam:CreateRole', global('iam', `role/${name}`)],
  'AWS::IAM::ManagedPolicy': (name) => ['iam:CreatePolicy', global('iam', `policy/${name}`)],
};

const bucket = 'arn:aws:s3:::initech-jobs-prod-serverlessdeploymentbucket-x';
const ANY = '*';
/** The same for types whose resources have no name in the template. */
const UNNAMED: Record<string, Call> = {
  'AWS::Lambda::EventInvokeConfig': ['lambda:PutFunctionEventInvokeConfig', arn('lambda', 'function:initech-emails')],
  'AWS::Lambda::EventSourceMapping': ['lambda:CreateEventSourceMapping', ANY],
  'AWS::Lambda::Permission': ['lambda:AddPermission', arn('lambda', 'function:initech-emails')],
  'AWS::Lambda::Url': ['lambda:CreateFunctionUrlConfig', arn('lambda', 'function:initech-emails')],
  'AWS::S3::Bucket': ['s3:CreateBucket', bucket],
  'AWS::S3::BucketPolicy': ['s3:PutBucketPolicy', bucket],
  'AWS::SNS::Subscription': ['sns:Subscribe', arn('sns', 'initech-alarms')],
  'AWS::SNS::TopicPolicy': ['sns:SetTopicAttributes', arn('sns', 'initech-alarms')],
  'AWS::SQS::QueuePolicy': ['sqs:SetQueueAttributes', arn('sqs', 'initech-emails.fifo')],
};

/** `sls check --live` says who sends canaries. */
const AUDIT = 'arn:aws:s3:::initech-data/initech/_audit/1.json';
const on = (resource: string, ...actions: string[]): Call[] => actions.map((action) => [action, resource]);
const stack = arn('cloudformation', 'stack/initech-jobs-prod/x');
const data = 'arn:aws:s3:::initech-data';
/** What a deployment calls beside the resources: our checks, the plan, the change set and the stack policy. */
const CHECKS: Call[] = [
  ...on(stack, 'cloudformation:DescribeStacks', 'cloudformation:GetTemplate', 'cloudformation:SetStackPolicy'),
  ...on(stack, 'cloudformation:CreateChangeSet', 'cloudformation:DescribeChangeSet'),
  ...on(stack, 'cloudformation:ExecuteChangeSet', 'cloudformation:DeleteChangeSet'),
  ...on(stack, 'cloudformation:UpdateTerminationProtection'),
  ...on(arn('sqs', 'initech-emails-dlq.fifo'), 'sqs:GetQueueAttributes'),
  ...on(arn('dynamodb', 'table/initech-jobs'), 'dynamodb:GetItem'),
  ...on(arn('dynamodb', 'table/initech-jobs/index/todo'), 'dynamodb:Query'),
  ...on(`${bucket}/plans/plan-1.json`, 's3:PutObject', 's3:DeleteObject'),
  ...on(data, 's3:ListBucket', 's3:GetBucketPublicAccessBlock', 's3:GetBucketPolicy', 's3:GetBucketVersioning'),
  ...on(data, 's3:GetLifecycleConfiguration'),
  ...on(`${data}/initech/_owner`, 's3:GetObject', 's3:PutObject'),
  ...on(AUDIT, 's3:PutObject'),
];

const like = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`).test(text);
const allowed = ([action, resource]: Call, of = policy): boolean =>
  of.Statement.some(
    ({ Action, Resource }) =>
      [Action].flat().some((pattern) => like(pattern, action)) &&
      [Resource].flat().some((pattern) => like(pattern, resource)),
  );

/** The calls that create the named resources of a two-queue client, under another instance's name. */
async function creations(instance: string): Promise<Call[]> {
  const { Resources } = await templateOf('second');
  const resolve = resolver({ resources: Resources, region, account, sqsUrl: 'https://sqs.test' });
  return Object.values(Resources).flatMap(({ Type, Properties }) => {
    const [, name] = Object.entries(Properties).find(([key]) => /^[A-Za-z]*Name$/.test(key)) ?? [];
    const call = CREATES[Type];
    if (!call) return [];
    const resolved = String(resolve(name ?? 'without a name'));
    return [call(resolved.replaceAll('acme', instance).replaceAll('eu-west-1', region))];
  });
}

test('the file of a client in another account is valid and holds no value of an example. Without a line it names what is missing', () => {
  const { root, remove } = instanceFolder();
  const instance = parseInstance('initech', file, root);

  expect(instance).toMatchObject({ account, region, bucket: 'initech-data', prefix: 'initech' });
  expect(functionsOf(instance).sort()).toEqual(['alarms', 'emailEvents', 'emails', 'reconciler', 'verify']);
  expect(deploymentProblems(instance)).toEqual([]);
  remove();
  expect(problemsOf(() => parseInstance('initech', file.replace(/^account:.*$/m, '')))).toEqual([
    'instances/initech.yml: account: is missing',
  ]);
});

test("the deployer's policy allows to create every named resource of the instance, and none of another instance", async () => {
  const own = await creations('initech');

  expect(own.length).toBeGreaterThan(40);
  expect(new Set(own.map(([action]) => action)).size).toBe(Object.keys(CREATES).length);
  expect(own.filter((call) => !allowed(call))).toEqual([]);
  expect((await creations('acme')).filter((call) => allowed(call))).toEqual([]);
});

test("the deployer's policy reads the instance's secrets and no other's", () => {
  const parameter = (name: string): Call => ['ssm:GetParameter', arn('ssm', `parameter${name}`)];
  const secrets = [...file.matchAll(/ssm:(\S+)/g)].map(([, name = '']) => name);

  expect(secrets).toHaveLength(4);
  expect(secrets.filter((name) => !allowed(parameter(name)))).toEqual([]);
  expect(allowed(parameter('/acme/zendesk-token'))).toBe(false);
});

test("the deployer's policy allows every other type of resource, and the calls of our checks", async () => {
  const { Resources } = await templateOf('second');
  // The page on security lists what a deployer of the customer key needs besides.
  const named = [...Object.keys(CREATES), 'AWS::KMS::Key', 'AWS::KMS::Alias'];
  const others = [...new Set(Object.values(Resources).map(({ Type }) => Type))].filter((type) => !named.includes(type));

  expect(others.toSorted()).toEqual(Object.keys(UNNAMED));
  expect([...Object.values(UNNAMED), ...CHECKS].filter((call) => !allowed(call))).toEqual([]);
});

// CloudFormation cuts long names of stacks and resources to 24 characters each, and puts one hyphen between them.
test.each([
  ['acme', 'acme-jobs-staging-serverlessdeploymentbucket-1vrk3f5oz7r3'],
  ['mht-api-staging', 'mht-api-staging-jobs-sta-serverlessdeploymentbuck-1vrk3f5oz7r3'],
  ['eighteen-long-name', 'eighteen-long-name-jobs-serverlessdeploymentbuck-1vrk3f5oz7r3'],
])("the deployer's policy of %s allows its deployment bucket %s, and no other policy does", (instance, name) => {
  const create: Call = ['s3:CreateBucket', `arn:aws:s3:::${name}`];

  expect(allowed(create, policyOf(instance, 'staging'))).toBe(true);
  expect(allowed(create)).toBe(false);
});

test("the deployer's policy adds audit objects, and replaces none", () => {
  const putting = policy.Statement.filter((one) => allowed(['s3:PutObject', AUDIT], { Statement: [one] }));

  expect(putting).toMatchObject([{ Sid: 'Audit', Condition: { Null: { 's3:if-none-match': 'false' } } }]);
});

test("the deployer's policy attaches the managed policies of the instance only", () => {
  const attaching = policy.Statement.filter(({ Action }) => [Action].flat().includes('iam:AttachRolePolicy'));

  expect(attaching).toMatchObject([
    {
      Resource: global('iam', 'role/initech-*'),
      Condition: { ArnLike: { 'iam:PolicyARN': global('iam', 'policy/initech-*') } },
    },
  ]);
});
