import { readFileSync } from 'node:fs';
import { deploymentProblems } from '../../packages/cli/check';
import { resolver } from '../../packages/local/template/declared';
import { functionsOf } from '../../resources/instances/instance';
import { parseInstance } from '../../resources/instances/read';
import { arn, like, on, type Request, type Statement, simulated, unexpected } from '../support/iam';
import { templateOf } from '../support/packages';

const page = readFileSync('docs/white-label.md', 'utf8');
const file = (/```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/eventsKey: …/, `eventsKey: ${'A'.repeat(91)}=`);

const [region, account] = ['us-east-1', '123456789012'];

/** As the shell does it in docs/getting-started.md. STACK is the cut name of the stack. */
function policyOf(instance: string, stage: string) {
  const STACK = `${instance}-jobs-${stage}`.slice(0, 24).replace(/-$/, '');
  const words = {
    ...{ STACK, INSTANCE: instance, ACCOUNT: account, REGION: region },
    ...{ BUCKET: 'initech-data', PREFIX: 'initech', DATABASE: instance.replaceAll('-', '_') },
  };
  const lines = readFileSync('docs/deployer-policy.json', 'utf8').split('\n');
  const filledIn = lines.map((line) =>
    Object.entries(words).reduce((text, [word, value]) => text.replaceAll(word, value), line),
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

const key = arn('kms', 'key/1');
const catalog = arn('glue', 'catalog');
const worker = arn('lambda', 'function:initech-emails');
const bucket = 'arn:aws:s3:::initech-jobs-prod-serverlessdeploymentbucket-x';
/** The same for types whose resources have no name in the template. */
const UNNAMED: Record<string, Request[]> = {
  'AWS::Events::ApiDestination': on(arn('events', 'api-destination/initech-webhook/x'), 'events:CreateApiDestination'),
  'AWS::Events::Connection': on(arn('events', 'connection/initech-webhook/x'), 'events:CreateConnection'),
  'AWS::Events::EventBus': on(arn('events', 'event-bus/initech-jobs'), 'events:CreateEventBus'),
  'AWS::Glue::Database': [catalog, arn('glue', 'database/initech_analytics')].flatMap((each) =>
    on(each, 'glue:CreateDatabase'),
  ),
  'AWS::Glue::Table': [catalog, arn('glue', 'table/initech_analytics/events')].flatMap((each) =>
    on(each, 'glue:CreateTable'),
  ),
  'AWS::KMS::Alias': [key, arn('kms', 'alias/initech-jobs')].flatMap((each) => on(each, 'kms:CreateAlias')),
  'AWS::KMS::Key': [...on('*', 'kms:CreateKey'), ...on(key, 'kms:PutKeyPolicy', 'kms:TagResource')],
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
const CLAIM = on(`${data}/initech/_owner`, 's3:PutObject', 's3:DeleteObject');
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
  ...on('*', 'lambda:GetAccountSettings'),
  ...on(`${data}/initech/_owner`, 's3:GetObject'),
  ...CLAIM,
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
  const others = Object.keys(HANDLERS.types).filter((type) => !(type in CREATES));

  expect(others).toEqual(Object.keys(UNNAMED));
  expect([...Object.values(UNNAMED).flat(), ...CHECKS].filter(isRefused)).toEqual([]);
});

/** What handlers name for properties that no template of ours has, by these properties. */
const UNUSED: [action: RegExp, properties: string[]][] = [
  [/^ec2:/, ['AWS::Lambda::Function.VpcConfig']],
  [/^(elasticfilesystem|s3files):/, ['AWS::Lambda::Function.FileSystemConfigs']],
  [/^(firehose:|s3:REST)/, ['AWS::Logs::LogGroup.DataProtectionPolicy']],
  [/^kinesis:/, ['AWS::DynamoDB::Table.KinesisStreamSpecification']],
  [/^s3tables:/, ['AWS::S3::Bucket.MetadataTableConfiguration', 'AWS::S3::Bucket.MetadataConfiguration']],
  [/^iam:.+GroupPolicy$/, ['AWS::IAM::ManagedPolicy.Groups']],
  [/^iam:.+UserPolicy$/, ['AWS::IAM::ManagedPolicy.Users']],
  [/Boundary$/, ['AWS::IAM::Role.PermissionsBoundary']],
  [/RoleDescription$/, ['AWS::IAM::Role.Description']],
  [/^kms:ReEncrypt/, ['AWS::Events::EventBus.KmsKeyIdentifier']],
  // The stack keeps its key.
  [/^kms:ScheduleKeyDeletion$/, []],
];
const HANDLERS = JSON.parse(readFileSync('tests/fixtures/cfn-handlers.json', 'utf8')) as {
  anyResource: string[];
  types: Record<string, string[]>;
};

test("the deployer's policy allows what CloudFormation's handlers of our types call, on every resource if IAM knows no other", async () => {
  const templates = await Promise.all((['staging', 'prod', 'second'] as const).map(templateOf));
  const resources = templates.flatMap(({ Resources }) => Object.values(Resources));
  const properties = resources.flatMap(({ Type, Properties }) =>
    Object.keys(Properties).map((one) => `${Type}.${one}`),
  );
  const allowedOn = (action: string, isResource: (pattern: string) => boolean) =>
    policy.Statement.some(
      ({ Action, Resource }) =>
        [Action].flat().some((pattern) => like(pattern, action)) && [Resource].flat().some(isResource),
    );
  const called = Object.values(HANDLERS.types)
    .flat()
    .filter((action) => !UNUSED.some(([pattern]) => pattern.test(action)));

  expect([...new Set(resources.map(({ Type }) => Type))].toSorted()).toEqual(Object.keys(HANDLERS.types));
  expect(UNUSED.flatMap(([, unused]) => unused).filter((property) => properties.includes(property))).toEqual([]);
  expect(called.filter((action) => !allowedOn(action, () => true))).toEqual([]);
  expect(HANDLERS.anyResource.filter((action) => !allowedOn(action, (pattern) => pattern === '*'))).toEqual([]);
});

test("a plan's role makes a change set of its own stack, and executes none", () => {
  const rows = [...page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$/gm)];
  const planned = rows.flatMap(([, sids = '', actions = '']) =>
    policy.Statement.filter(({ Sid }) => sids.includes(`\`${Sid}\``)).map((statement) => {
      const listed = [...actions.matchAll(/`(\w+:\w+)`/g)].map(([, action = '']) => action);
      return listed.length > 0 ? { ...statement, Action: listed } : statement;
    }),
  );
  const writes = /:(ExecuteChangeSet|SetStackPolicy|UpdateTerminationProtection)$/;
  const changing = [...CHECKS.filter(({ action }) => writes.test(action)), ...AUDIT, ...CLAIM];
  const isPlanned = (one: Request) => allowing(one, { Statement: planned }).length > 0;

  expect(planned).toHaveLength(6);
  expect(CHECKS.filter((one) => !changing.includes(one) && !isPlanned(one))).toEqual([]);
  expect([...changing, ...Object.values(UNNAMED).flat()].filter(isPlanned)).toEqual([]);
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

/** Beside CloudFormation a key is out of reach, and an audit object is written only where there is none. */
test("a simulator of IAM grants the deployer's policy its own instance, and nothing foreign", async () => {
  const viaCloudFormation = ({ action, resource }: Request): Request => ({
    ...{ action, resource },
    ...(action.startsWith('kms:') && { context: { 'aws:CalledVia': ['cloudformation.amazonaws.com'] } }),
    ...(action === 's3:PutObject' && { context: { 's3:if-none-match': ['*'] } }),
  });
  const attach = (role: string, attached: string): Request[] => [
    {
      ...{ action: 'iam:AttachRolePolicy', resource: global('iam', `role/${role}`) },
      context: { 'iam:PolicyARN': [attached] },
    },
  ];
  const ours = global('iam', 'policy/initech-api');
  const own = [...(await creations('initech')), ...Object.values(UNNAMED).flat(), ...CHECKS].map(viaCloudFormation);
  const foreign: Request[] = [
    ...(await creations('acme')),
    ...on(global('iam', 'role/acme-api'), 'iam:PassRole', 'iam:PutRolePolicy'),
    ...on(global('iam', 'role/admin'), 'iam:PassRole', 'iam:CreateRole'),
    ...attach('initech-api', 'arn:aws:iam::aws:policy/AdministratorAccess'),
    ...attach('initech-api', global('iam', 'policy/acme-api')),
    ...attach('admin', ours),
    ...on(global('iam', 'user/jane'), 'iam:CreateUser', 'iam:CreateAccessKey'),
    ...AUDIT,
    ...on(key, 'kms:PutKeyPolicy', 'kms:Decrypt'),
    ...on(data, 's3:PutBucketPolicy', 's3:DeleteBucket'),
    ...on(`${data}/initech/feedback/1.json`, 's3:GetObject', 's3:PutObject'),
    ...on(arn('sqs', 'acme-emails.fifo'), 'sqs:DeleteQueue', 'sqs:SendMessage'),
    ...on(arn('dynamodb', 'table/acme-jobs'), 'dynamodb:DeleteTable', 'dynamodb:GetItem'),
    ...on(arn('logs', 'log-group:/aws/lambda/acme-emails'), 'logs:CreateLogGroup'),
    ...on(arn('cloudformation', 'stack/acme-jobs-prod/x'), 'cloudformation:DeleteStack'),
  ];
  const allows = simulated(policy.Statement);

  expect(await unexpected(allows, [...own, ...attach('initech-api', ours)], true)).toEqual([]);
  expect(await unexpected(allows, on(global('iam', 'role/initech-emails'), 'iam:PassRole'), true)).toEqual([]);
  expect(await unexpected(allows, foreign, false)).toEqual([]);
});
