import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EVENT_COLUMNS } from '../../../lib/config/functions';
import { groupBy } from '../../../lib/group-by';
import { resolver } from '../../../packages/local/template/declared';
import { eventsView } from '../../../resources/catalog';
import { pascal } from '../../../resources/template';
import { arn, item, like, object, on, permissionsOf, queue, type Request, table, unexpected } from '../../support/iam';
import { SECRETS_KEY, templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

const QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];
/** Every function of the example, in the order of the template. */
const FUNCTIONS = [...QUEUES, 'email-events', 'hours', 'reconciler', 'verify', 'alarms'];

let staging: CompiledTemplate;
let prod: CompiledTemplate;
let second: CompiledTemplate;

beforeAll(async () => {
  staging = await templateOf('staging');
  prod = await templateOf('prod');
  second = await templateOf('second');
});

/** Tests here, and those of the alarms, check these of all resources. */
const CHECKED = ['DeletionPolicy', 'UpdateReplacePolicy', 'AlarmName', 'OKActions'];

/** Each other attribute of each resource in a line. A statement has its own line. */
function attributesOf({ Resources, Outputs }: CompiledTemplate): string[] {
  const outputs = Object.entries(Outputs).map(([id, { Export }]) => `output ${id}: ${Export?.Name ?? ''}`.trim());
  const resources = Object.entries(Resources).flatMap(([id, { Type, Properties, ...policies }]) => {
    const { Code: _code, Environment, ...others } = Properties;
    const { Variables = {} } = (Environment ?? {}) as { Variables?: Record<string, string> };
    const lines = Object.entries({ ...policies, ...others, ...Variables }).flatMap(([name, value]) => {
      if (CHECKED.includes(name)) return [];
      const statements = statementsIn(value).map(({ Sid, ...statement }, place) => [`.${Sid ?? place}`, statement]);
      return (statements.length > 0 ? statements : [['', value]]).map(
        ([of, each]) => `${id}.${name}${of}: ${JSON.stringify(each)}`,
      );
    });
    return [`${id}: ${Type}`, ...lines];
  });
  return [...resources, ...outputs];
}

function statementsIn(value: unknown): { Sid?: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return 'Statement' in value ? (value.Statement as { Sid?: string }[]) : Object.values(value).flatMap(statementsIn);
}

const EVERY: Record<string, string> = { [FUNCTIONS.join(', ')]: 'every function', [QUEUES.join(', ')]: 'every queue' };

/** Lines that differ only in the name of their queue or function are one, with these names before it. */
function alikeOnce(lines: string[]): string[] {
  const ownerOf = (line: string) => FUNCTIONS.find((name) => line.startsWith(pascal(name)));
  const withoutOwner = (line: string) => {
    const owner = ownerOf(line);
    return owner ? line.replaceAll(pascal(owner), '{Name}').replaceAll(owner, '{name}') : line;
  };
  return [...groupBy(lines, withoutOwner)].map(([alike, [line = '', ...others]]) => {
    const owners = [line, ...others].map(ownerOf).join(', ');
    return others.length === 0 ? brief(line) : `${EVERY[owners] ?? owners}: ${brief(alike)}`;
  });
}

/** A long value is a hash. */
const brief = (line: string): string =>
  line.replace(/(?<=^\S+: ).{101,}$/, (text) => `#${createHash('sha256').update(text).digest('hex').slice(0, 12)}`);

// Some alarms wake people at night, and some attributes replace a queue. Read each difference, then update the
// snapshot: npm test -- tests/unit/resources/compiled -u
test('production has these resources with these attributes and outputs, and a change names each of them', () => {
  expect(alikeOnce(attributesOf(prod)).join('\n')).toMatchSnapshot();
});

const ofType = ({ Resources }: CompiledTemplate, type: string) =>
  Object.values(Resources).filter(({ Type }) => Type === type);
test('with analytics.athena, Glue has the tables of events and the view of each event once', () => {
  const tables = ofType(prod, 'AWS::Glue::Table').map(
    ({ Properties }) => Properties.TableInput as { Name: string; ViewOriginalText?: string },
  );
  const view = tables.find(({ Name }) => Name === 'events');
  const [, base64 = ''] = /^\/\* Presto View: (\S+) \*\/$/.exec(view?.ViewOriginalText ?? '') ?? [];
  const { originalSql, schema, columns } = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));

  expect(tables.map(({ Name }) => Name)).toEqual(['originals', 'late', 'written', 'events']);
  expect([originalSql, schema]).toEqual([eventsView({}), 'mht_api_analytics']);
  expect(columns.map((column: { name: string }) => column.name)).toEqual([
    ...Object.keys(EVENT_COLUMNS),
    'date',
    'hour',
  ]);
  expect(ofType(staging, 'AWS::Glue::Table')).toEqual([]);
});

/** The provider of serverless.yml with its variables resolved. */
function providerOf({ file }: CompiledTemplate): Record<string, unknown> {
  const state = readFileSync(join(dirname(file), 'serverless-state.json'), 'utf8');
  return (JSON.parse(state) as { service: { provider: Record<string, unknown> } }).service.provider;
}

test('the stack has the tags of the instance and those of its file, and CloudFormation gives them to its resources', () => {
  expect(providerOf(second).stackTags).toEqual({
    ...{ instance: 'acme', stage: 'prod', service: 'background-jobs' },
    ...{ 'cost-centre': 'acme', owner: 'support-team' },
  });
});

test('the stack policy refuses to replace or remove any queue or table, and allows every other update', () => {
  const provider = providerOf(prod);

  expect(provider.deploymentMethod).toBe('changesets');
  expect(provider.stackPolicy).toEqual([
    { Effect: 'Allow', Principal: '*', Action: ['Update:*'], Resource: '*' },
    {
      ...{ Effect: 'Deny', Principal: '*', Action: ['Update:Replace', 'Update:Delete'], Resource: '*' },
      Condition: { StringEquals: { ResourceType: ['AWS::SQS::Queue', 'AWS::DynamoDB::Table'] } },
    },
  ]);
});

test('production keeps queues, table, logs and key. A failed first deployment leaves only the table and the key', () => {
  const all = [prod, second].flatMap(({ Resources }) => Object.entries(Resources));
  const policies = all.flatMap(([id, { DeletionPolicy, UpdateReplacePolicy }]) =>
    DeletionPolicy || UpdateReplacePolicy ? [{ id, DeletionPolicy, UpdateReplacePolicy }] : [],
  );
  const kept = all.filter(([, { Type }]) => /^AWS::(SQS::Queue|Logs::LogGroup|DynamoDB::Table|KMS::Key)$/.test(Type));
  const expected = kept.map(([id]) => ({
    id,
    DeletionPolicy: ['JobsTable', 'JobsKey'].includes(id) ? 'Retain' : 'RetainExceptOnCreate',
    // CloudFormation knows no other value here.
    UpdateReplacePolicy: 'Retain',
  }));

  expect(kept.length).toBeGreaterThan(30);
  expect(policies).toEqual(expected);
});

test('each queue refuses unencrypted transport', () => {
  const queues = Object.keys(prod.Resources).filter((id) => prod.Resources[id]?.Type === 'AWS::SQS::Queue');
  const policies = ofType(prod, 'AWS::SQS::QueuePolicy').map(({ Properties }) => Properties);

  expect(policies.map(({ Queues }) => Queues)).toEqual(queues.map((Ref) => [{ Ref }]));
  const denied = { Effect: 'Deny', Principal: '*', Action: 'sqs:*' };
  const plain = expect.objectContaining({ ...denied, Condition: { Bool: { 'aws:SecureTransport': 'false' } } });
  for (const { PolicyDocument } of policies)
    expect(PolicyDocument).toMatchObject({ Statement: expect.arrayContaining([plain]) });
});

const NONE = [null, null, null];
test('a client without a queue or a bus has no function, role, alarm, secret or output of it', () => {
  const ids = Object.keys(second.Resources);

  expect(ids.filter((id) => /testflight|analytics|^hours|appstore|webhook|JobEvents/i.test(id))).toEqual([]);
  expect(second.text).not.toMatch(/testflight|analytics|app-?store|parquet|events:PutEvents|EVENT_BUS/i);
  // Nor does it name another client, or a key that no file configures.
  expect(second.Resources.FeedbackQueue?.Properties.QueueName).toBe('acme-feedback.fifo');
  expect([second.text.match(/mht-api/g), prod.text.match(/staging/g), staging.text.match(/kms:/g)]).toEqual(NONE);
});

const secretsManager = (name: string) => on(arn('secretsmanager', `secret:${name}`), 'secretsmanager:GetSecretValue');

/** Requests that no function may make, whatever its work. What each may do: tests/integration/permissions. */
const NONE_MAY: Request[] = [
  ...on(table, 'dynamodb:Scan', 'dynamodb:DeleteItem', 'dynamodb:DeleteTable'),
  ...on(`${table}-copy`, 'dynamodb:GetItem'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:PurgeQueue'),
  ...on(queue('mht-api-staging-feedback.fifo'), 'sqs:ReceiveMessage', 'sqs:SendMessage'),
  ...on(object('jobs/feedback/year=2026/x.json'), 's3:DeleteObject'),
  ...['uploads/x', 'other/feedback/x'].flatMap((key) => on(object(key), 's3:GetObject', 's3:PutObject')),
  ...on('arn:aws:s3:::other-bucket/jobs/feedback/x', 's3:GetObject'),
  { action: 's3:ListBucket', resource: 'arn:aws:s3:::team-bucket', context: { 's3:prefix': [''] } },
  ...on('arn:aws:s3:::team-bucket', 's3:ListBucket'),
  ...on(arn('sns', 'mht-api-alarms-undelivered'), 'sns:Publish'),
  ...on(arn('events', 'event-bus/default'), 'events:PutEvents'),
  ...on(arn('ssm', 'parameter/example/other'), 'ssm:GetParameter'),
  ...secretsManager('example/other-AbC123'),
  ...secretsManager('example/sendgrid-other-AbC123'),
  ...on(SECRETS_KEY, 'kms:Decrypt'),
  ...on(arn('logs', 'log-group:/aws/lambda/other:log-stream:y'), 'logs:PutLogEvents'),
];
/** Requests for items that no function but the reconciler may make. */
const ONLY_THE_RECONCILER_MAY: Request[] = [
  item('GetItem'),
  ...QUEUES.map((name) => item('GetItem', `${name}#0190`, 'canary#feedback')),
  ...['lease#reconciler', 'canary#feedback', 'facts', 'pause#feedback'].map((key) => item('PutItem', key)),
  ...on(`${table}/index/todo`, 'dynamodb:Query'),
];
/** Its URL is public. */
const THE_WEBHOOK_MAY_NOT: Request[] = [
  ...on(queue('mht-api-emails.fifo'), 'sqs:SendMessage', 'sqs:ReceiveMessage'),
  ...['emails#0190', 'feedback#0190', 'vendor#sendgrid', 'evidence#analytics#send#0190'].map((key) =>
    item('PutItem', key),
  ),
  ...['analytics#0190', 'subject#testflight#0190', 'campaign#0190'].map((key) => item('GetItem', key)),
  ...['_events/emails/x', 'emails/x', '_data/emails/x'].flatMap((key) => on(object(`jobs/${key}`), 's3:GetObject')),
  ...on(object('jobs/_events/analytics/x'), 's3:PutObject'),
  ...secretsManager('example/sendgrid-AbC123'),
];

const ROLES = ['Feedback', 'Emails', 'Testflight', 'Analytics', 'EmailEvents', 'Hours', 'Reconciler', 'Alarms'];
test.each(ROLES)('the %s function may touch no other data, instance or secret', async (role) => {
  const requests = [
    ...NONE_MAY,
    ...(role === 'Reconciler' ? [] : ONLY_THE_RECONCILER_MAY),
    ...(role === 'EmailEvents' ? THE_WEBHOOK_MAY_NOT : []),
  ];

  expect(await unexpected(permissionsOf(prod, `${role}IamRoleLambdaExecution`), requests, false)).toEqual([]);
});

const account = '123456789012';

/** The property with the physical name of each type, and its ARN. */
const NAMED: Record<string, [property: string, toArn: (name: string) => string]> = {
  'AWS::SQS::Queue': ['QueueName', (name) => arn('sqs', name)],
  'AWS::DynamoDB::Table': ['TableName', (name) => arn('dynamodb', `table/${name}`)],
  'AWS::Lambda::Function': ['FunctionName', (name) => arn('lambda', `function:${name}`)],
  'AWS::Logs::LogGroup': ['LogGroupName', (name) => `${arn('logs', `log-group:${name}`)}:log-stream:x`],
  'AWS::Events::EventBus': ['Name', (name) => arn('events', `event-bus/${name}`)],
  'AWS::SNS::Topic': ['TopicName', (name) => arn('sns', name)],
  'AWS::CloudWatch::Alarm': ['AlarmName', (name) => arn('cloudwatch', `alarm:${name}`)],
  'AWS::CloudWatch::Dashboard': ['DashboardName', (name) => `arn:aws:cloudwatch::${account}:dashboard/${name}`],
  'AWS::IAM::ManagedPolicy': ['ManagedPolicyName', (name) => `arn:aws:iam::${account}:policy/${name}`],
  'AWS::IAM::Role': ['RoleName', (name) => `arn:aws:iam::${account}:role/${name}`],
};

const resolved = ({ Resources }: CompiledTemplate) =>
  resolver({ resources: Resources, region: 'us-east-1', account, sqsUrl: 'https://sqs.test' });

/** The ARNs of the resources that a template creates, and of its stack. */
function created(template: CompiledTemplate): string[] {
  const resolve = resolved(template);
  const stack = template.Outputs.ServerlessDeploymentBucketName?.Export?.Name.replace(/-deployment-bucket$/, '');
  const resources = Object.values(template.Resources).flatMap(({ Type, Properties }) => {
    const [property, toArn] = NAMED[Type] ?? [];
    return property === undefined || toArn === undefined ? [] : [toArn(String(resolve(Properties[property])))];
  });
  return [...resources, arn('cloudformation', `stack/${stack}/x`)];
}

/** Every ARN in the template's policies. It may hold wildcards. Bucket folders and secrets have their own names. */
function granted(template: CompiledTemplate): string[] {
  const resolve = resolved(template);
  const policies = Object.values(template.Resources).flatMap(({ Type, Properties }) => {
    if (Type === 'AWS::IAM::Role') return [Properties.Policies];
    return /^AWS::(IAM|SQS|SNS)::.*Policy$/.test(Type) ? [Properties.PolicyDocument] : [];
  });
  // The resolver of this machine does not know it.
  const text = JSON.stringify(policies).replaceAll(`\${AWS::URLSuffix}`, 'amazonaws.com');
  const arns = [...JSON.stringify(resolve(JSON.parse(text))).matchAll(/"(arn:[^"]+)"/g)].map(([, found = '']) => found);
  return [...new Set(arns)].filter((found) => !/^arn:aws:(s3|ssm|secretsmanager|kms):/.test(found));
}

test('no name and no ARN of an instance matches a resource of an instance whose name begins alike', () => {
  for (const one of [prod, staging]) {
    const other = one === prod ? staging : prod;
    const theirs = created(other);
    const wrong = [...granted(one), ...created(one)].flatMap((own) =>
      theirs.filter((name) => like(own, name)).map((name) => `${own} matches ${name}`),
    );

    expect(wrong).toEqual([]);
    expect(theirs.length).toBeGreaterThan(60);
  }
});
