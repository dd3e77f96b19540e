import { readFileSync } from 'node:fs';
import { deploymentProblems } from '../../packages/cli/check';
import { resolver } from '../../packages/local/template/declared';
import { functionsOf } from '../../resources/instances/instance';
import { parseInstance } from '../../resources/instances/read';
import { arn, like, on, type Request, type Statement } from '../support/iam';
import { templateOf } from '../support/packages';

const page = readFileSync('docs/white-label.md', 'utf8');
const file = (/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/eventsKey: …/, `eventsKey: ${'A'.repeat(91)}=`);

const [region, account] = ['us-east-1', '123456789012'];

/** As the shell does it in docs/getting-started.md: each word once a line, and STACK is the cut name of the stack. */
function policyOf(instance: string, stage: string) {
  const STACK = `${instance}-jobs-${stage}`.slice(0, 24).replace(/-$/, '');
  const words = {
    ...{ STACK, INSTANCE: instance, ACCOUNT: account, REGION: region },
    ...{ BUCKET: 'initech-data', PREFIX: 'initech' },
  };
  const lines = readFileSync('docs/deployer-policy.json', 'utf8').split('\n');
  const filledIn = lines.map((line) =>
    Object.entries(words).reduce((text, [word, value]) => text.replace(word, value), line),
  );
  return JSON.parse(filledIn.join('\n')) as { Statement: Statement[] };
}
const policy = policyOf('initech', 'prod');

/** The statements that allow a request, whatever their conditions say. */
const allowing = ({ action, resource }: Request, { Statement } = policy) =>
  Statement.filter(
    ({ Action, Resource }) =>
      [Action].flat().some((pattern) => like(pattern, action)) &&
      [Resource].flat().some((pattern) => like(pattern, resource)),
  );
const isRefused = (request: Request) => allowing(request).length === 0;

const global = (service: string, name: string) => `arn:aws:${service}::${account}:${name}`;

/** What CloudFormation calls to create a resource of each type, and on which ARN. */
const CREATES: Record<string, (name: string) => Request[]> = {
  'AWS::SQS::Queue': (name) => on(arn('sqs', name), 'sqs:CreateQueue'),
  'AWS::DynamoDB::Table': (name) => on(arn('dynamodb', `table/${name}`), 'dynamodb:CreateTable'),
  'AWS::Lambda::Function': (name) => on(arn('lambda', `function:${name}`), 'lambda:CreateFunction'),
  'AWS::Logs::LogGroup': (name) => on(arn('logs', `log-group:${name}`), 'logs:CreateLogGroup'),
  'AWS::SNS::Topic': (name) => on(arn('sns', name), 'sns:CreateTopic'),
  'AWS::SSM::Parameter': (name) => on(arn('ssm', `parameter${name}`), 'ssm:PutParameter'),
  'AWS::CloudWatch::Alarm': (name) => on(arn('cloudwatch', `alarm:${name}`), 'cloudwatch:PutMetricAlarm'),
  'AWS::CloudWatch::Dashboard': (name) => on(global('cloudwatch', `dashboard/${name}`), 'cloudwatch:PutDashboard'),
  'AWS::Events::Rule': (name) => on(arn('events', `rule/${name}`), 'events:PutRule'),
  'AWS::IAM::Role': (name) => on(global('iam', `role/${name}`), 'iam:CreateRole'),
  'AWS::IAM::ManagedPolicy': (name) => on(global('iam', `policy/${name}`), 'iam:CreatePolicy'),
};

const worker = arn('lambda', 'function:initech-emails');
const bucket = 'arn:aws:s3:::initech-jobs-prod-serverlessdeploymentbucket-x';
/** The same for types whose resources have no name in the template. */
const UNNAMED: Record<string, Request[]> = {
  'AWS::Lambda::EventInvokeConfig': on(worker, 'lambda:PutFunctionEventInvokeConfig'),
  'AWS::Lambda::EventSourceMapping': on('*', 'lambda:CreateEventSourceMapping'),
  'AWS::Lambda::Permission': on(worker, 'lambda:AddPermission'),
  'AWS::Lambda::Url': on(worker, 'lambda:CreateFunctionUrlConfig'),
  'AWS::S3::Bucket': on(bucket, 's3:CreateBucket'),
  'AWS::S3::BucketPolicy': on(bucket, 's3:PutBucketPolicy'),
  'AWS::SNS::Subscription': on(arn('sns', 'initech-alarms'), 'sns:Subscribe'),
  'AWS::SNS::TopicPolicy': on(arn('sns', 'initech-alarms'), 'sns:SetTopicAttributes'),
  'AWS::SQS::QueuePolicy': on(arn('sqs', 'initech-emails.fifo'), 'sqs:SetQueueAttributes'),
};

const stack = arn('cloudformation', 'stack/initech-jobs-prod/x');
const data = 'arn:aws:s3:::initech-data';
/** `sls check --live` says who sends canaries. */
const AUDIT = on(`${data}/initech/_audit/1.json`, 's3:PutObject');
/** What a deployment calls beside the resources: our checks, the plan, the change set and the stack policy. */
const CHECKS = [
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
  ...AUDIT,
];

/** The calls that create the named resources of a two-queue client, under another instance's name. */
async function creations(instance: string): Promise<Request[]> {
  const { Resources } = await templateOf('second');
  const resolve = resolver({ resources: Resources, region, account, sqsUrl: 'https://sqs.test' });
  return Object.values(Resources).flatMap(({ Type, Properties }) => {
    const [, name] = Object.entries(Properties).find(([key]) => /^[A-Za-z]*Name$/.test(key)) ?? [];
    return CREATES[Type]?.(String(resolve(name ?? 'without a name')).replaceAll('acme', instance)) ?? [];
  });
}

test('the file of a client in another account is valid and holds no value of an example', () => {
  const instance = parseInstance('initech', file);

  expect(instance).toMatchObject({ account: '210987654321', region: 'eu-central-1', bucket: 'initech-data' });
  expect(functionsOf(instance).sort()).toEqual(['alarms', 'emailEvents', 'emails', 'reconciler', 'verify']);
  expect(deploymentProblems(instance)).toEqual([]);
});

test("the deployer's policy allows to create every named resource of the instance, and none of another instance", async () => {
  const own = await creations('initech');

  expect(own.length).toBeGreaterThan(40);
  expect(new Set(own.map(({ action }) => action)).size).toBe(Object.keys(CREATES).length);
  expect(own.filter(isRefused)).toEqual([]);
  expect((await creations('acme')).filter((request) => !isRefused(request))).toEqual([]);
});

test("the deployer's policy reads the instance's secrets and no other's", () => {
  const isUnreadable = (name: string) => on(arn('ssm', `parameter${name}`), 'ssm:GetParameter').every(isRefused);
  const secrets = [...file.matchAll(/ssm:(\S+)/g)].map(([, name = '']) => name);

  expect(secrets).toHaveLength(4);
  expect([...secrets, '/acme/zendesk-token'].filter(isUnreadable)).toEqual(['/acme/zendesk-token']);
});

test("the deployer's policy allows every other type of resource, and the calls of our checks", async () => {
  const { Resources } = await templateOf('second');
  // The page on security lists what a deployer of the customer key needs besides.
  const named = [...Object.keys(CREATES), 'AWS::KMS::Key', 'AWS::KMS::Alias'];
  const others = [...new Set(Object.values(Resources).map(({ Type }) => Type))].filter((type) => !named.includes(type));

  expect(others.toSorted()).toEqual(Object.keys(UNNAMED));
  expect([...Object.values(UNNAMED).flat(), ...CHECKS].filter(isRefused)).toEqual([]);
});

/** What handlers name for properties that no template of ours has: other services, and boundaries, groups and users. */
const UNUSED =
  /^(ec2|elasticfilesystem|firehose|kinesis|kms|s3files|s3tables):|^s3:REST|(Group|User)Policy$|Boundary$|RoleDescription$/;
const HANDLERS = JSON.parse(readFileSync('tests/fixtures/cfn-handlers.json', 'utf8')) as {
  anyResource: string[];
  types: Record<string, string[]>;
};

test("the deployer's policy allows what CloudFormation's handlers of our types call, on every resource if IAM knows no other", () => {
  const allowedOn = (action: string, isResource: (pattern: string) => boolean) =>
    policy.Statement.some(
      ({ Action, Resource }) =>
        [Action].flat().some((pattern) => like(pattern, action)) && [Resource].flat().some(isResource),
    );
  const called = Object.values(HANDLERS.types)
    .flat()
    .filter((action) => !UNUSED.test(action));

  expect(Object.keys(HANDLERS.types)).toEqual(
    expect.arrayContaining([...Object.keys(CREATES), ...Object.keys(UNNAMED)]),
  );
  expect(called.filter((action) => !allowedOn(action, () => true))).toEqual([]);
  expect(HANDLERS.anyResource.filter((action) => !allowedOn(action, (pattern) => pattern === '*'))).toEqual([]);
});

// CloudFormation cuts long names of stacks and resources to 24 characters each, and puts one hyphen between them.
test.each([
  ['acme', 'acme-jobs-staging-serverlessdeploymentbucket-1vrk3f5oz7r3'],
  ['mht-api-staging', 'mht-api-staging-jobs-sta-serverlessdeploymentbuck-1vrk3f5oz7r3'],
  ['eighteen-long-name', 'eighteen-long-name-jobs-serverlessdeploymentbuck-1vrk3f5oz7r3'],
])("the deployer's policy of %s allows its deployment bucket %s, and no other policy does", (instance, name) => {
  const [create] = on(`arn:aws:s3:::${name}`, 's3:CreateBucket') as [Request];

  expect(allowing(create, policyOf(instance, 'staging'))).toHaveLength(1);
  expect(isRefused(create)).toBe(true);
});

test("the deployer's policy replaces no audit object, and attaches the managed policies of the instance only", () => {
  const [attach] = on(global('iam', 'role/initech-api'), 'iam:AttachRolePolicy') as [Request];

  expect(AUDIT.flatMap((put) => allowing(put))).toMatchObject([
    { Condition: { Null: { 's3:if-none-match': 'false' } } },
  ]);
  expect(allowing(attach)).toMatchObject([
    {
      Resource: global('iam', 'role/initech-*'),
      Condition: { ArnLike: { 'iam:PolicyARN': global('iam', 'policy/initech-*') } },
    },
  ]);
});
