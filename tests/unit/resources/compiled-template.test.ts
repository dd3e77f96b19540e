import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type AlarmKind, type AnyKind, alarmName, isFact, KINDS } from '../../../lib/operate/alarms/kinds';
import { groupBy } from '../../../lib/platform/group-by';
import { jsonOf } from '../../../lib/platform/text';
import { EVENT_COLUMNS } from '../../../lib/queues/analytics/columns';
import { resolver } from '../../../packages/local/template/declared';
import { eventsView } from '../../../resources/catalog';
import { metricsOf } from '../../../resources/cost';
import { pascal } from '../../../resources/template';
import { arn, like } from '../../support/iam';
import { templateOf } from '../../support/packages';
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

/** Other tests here check these of all resources. */
const CHECKED = ['DeletionPolicy', 'UpdateReplacePolicy', 'AlarmName', 'OKActions'];

/** Each other attribute of each resource, in full. */
function attributesOf({ Resources, Outputs }: CompiledTemplate): string[] {
  const outputs = Object.entries(Outputs).map(([id, { Export }]) => `output ${id}: ${Export?.Name ?? ''}`.trim());
  const resources = Object.entries(Resources).flatMap(([id, { Type, Properties, ...policies }]) => {
    const { Code: _code, Environment, ...others } = Properties;
    const { Variables = {} } = (Environment ?? {}) as { Variables?: Record<string, string> };
    const lines = Object.entries({ ...policies, ...others, ...Variables }).flatMap(([name, value]) =>
      CHECKED.includes(name) ? [] : linesOf(`${id}.${name}`, value),
    );
    return [`${id}: ${Type}`, ...lines];
  });
  return [...resources, ...outputs];
}

const STATEMENT = '"Effect":';
const READABLE = 300;

/** A value in a line. A longer one has a line for each of its members, and a statement of a policy always has one. */
function linesOf(path: string, given: unknown): string[] {
  const value = typeof given === 'string' ? unpacked(given) : given;
  const text = JSON.stringify(value);
  const long = text.length > READABLE || text.includes(STATEMENT);
  if (!long || typeof value !== 'object' || value === null || 'Effect' in value) return [`${path}: ${text}`];
  return Object.entries(value).flatMap(([name, each]) => linesOf(`${path}.${each?.Sid ?? name}`, each));
}

/** What a text holds, if it is a document: a dashboard, settings, or a view of Athena. */
const unpacked = (text: string): unknown =>
  jsonOf(text.replace(/^\/\* Presto View: (\S+) \*\/$/, (_, view) => Buffer.from(view, 'base64').toString('utf8'))) ??
  text;

const EVERY: Record<string, string> = { [FUNCTIONS.join(', ')]: 'every function', [QUEUES.join(', ')]: 'every queue' };

/**
 * Lines that differ only in the name of their queue or function are one, with these names before it. A statement stays
 * apart: a reviewer of a wider permission sees one line of one role.
 */
function alikeOnce(lines: string[]): string[] {
  const ownerOf = (line: string) => FUNCTIONS.find((name) => line.startsWith(pascal(name)));
  const withoutOwner = (line: string) => {
    const owner = line.includes(STATEMENT) ? undefined : ownerOf(line);
    return owner ? line.replaceAll(pascal(owner), '{Name}').replaceAll(owner, '{name}') : line;
  };
  return [...groupBy(lines, withoutOwner)].map(([alike, [line = '', ...others]]) => {
    const owners = [line, ...others].map(ownerOf).join(', ');
    return others.length === 0 ? line : `${EVERY[owners] ?? owners}: ${alike}`;
  });
}

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

const alarms = (template: CompiledTemplate) =>
  ofType(template, 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);

test('every queue has one alarm of each kind about queues, the instance one of each other kind, and no other exists', () => {
  const names = alarms(prod).map(({ AlarmName }) => String(AlarmName));
  const kinds = (Object.keys(KINDS) as AnyKind[]).filter((kind) => !isFact(kind)) as AlarmKind[];
  const expected = kinds.flatMap((kind) =>
    (KINDS[kind].scope === 'queue' ? QUEUES : ['']).map((queue) => alarmName('mht-api', kind, queue)),
  );

  expect(names.toSorted()).toEqual(expected.toSorted());
});

test('every alarm and every fact has a section in the runbook', () => {
  const headings = [...readFileSync('docs/runbook.md', 'utf8').matchAll(/^### `([a-z-]+)`/gm)].map(([, kind]) => kind);

  expect(headings.toSorted()).toEqual(Object.keys(KINDS).sort());
});

test('each alarm may publish to its own topic, which is not encrypted, and no other alarm may', () => {
  for (const { Properties } of ofType(prod, 'AWS::SNS::Topic')) expect(Properties).not.toHaveProperty('KmsMasterKeyId');
  for (const { Properties } of ofType(prod, 'AWS::SNS::TopicPolicy')) {
    const [topic] = Properties.Topics as unknown[];
    const own = alarms(prod).filter(({ AlarmActions }) => JSON.stringify(AlarmActions) === JSON.stringify([topic]));
    const arns = own.map(({ AlarmName }) => ({ 'Fn::Sub': expect.stringMatching(`:alarm:${AlarmName}$`) }));

    expect(arns).not.toEqual([]);
    const allowed = { Effect: 'Allow', Principal: { Service: 'cloudwatch.amazonaws.com' }, Action: 'sns:Publish' };
    const Statement = [{ ...allowed, Condition: { ArnEquals: { 'aws:SourceArn': arns } } }];
    expect(Properties.PolicyDocument).toMatchObject({ Statement });
  }
});

test('the topic that gets an alarm also gets its end', () => {
  const begins = alarms(prod).map(({ AlarmActions }) => AlarmActions);

  expect(alarms(prod).map(({ OKActions }) => OKActions)).toEqual(begins);
});

test('the configured address receives alarms about undelivered alarms', () => {
  const emails = (template: CompiledTemplate) =>
    ofType(template, 'AWS::SNS::Subscription').flatMap(({ Properties }) =>
      Properties.Protocol === 'email' ? [[Properties.TopicArn, Properties.Endpoint]] : [],
    );

  expect(emails(staging)).toEqual([[{ Ref: 'UndeliveredAlarmTopic' }, 'ops@example.com']]);
  expect(emails(prod)).toEqual([]);
});

test('an alarm about functions that fail is over only when the function that runs least often had time to run again', () => {
  const find = ({ AlarmName }: Record<string, unknown>) => AlarmName === 'mht-api-function-errors';
  const { EvaluationPeriods, DatapointsToAlarm, Metrics } = alarms(prod).find(find) ?? {};
  const [period] = (Metrics as { MetricStat?: { Period: number } }[]).flatMap(({ MetricStat }) => MetricStat ?? []);

  expect(DatapointsToAlarm).toBe(1);
  expect(Number(EvaluationPeriods) * Number(period?.Period)).toBeGreaterThan(15 * 60);
});

/** The names in calls of `metrics.add`. */
const measured = globSync('{handlers,lib}/**/*.ts').flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/metrics\.add\(\s*'(\w+)'/g)].map(([, name = '']) => name),
);

test('the code measures what an alarm or the dashboard shows, and nothing else, because each metric costs money', () => {
  const { inAlarms, inDashboard } = metricsOf(prod.Resources);
  const shown = [...inAlarms, ...inDashboard].filter(([namespace]) => namespace === 'mht-api');

  const searches = JSON.stringify(prod.Resources).matchAll(/\{mht-api,[\w,]+\} MetricName=\W+(\w+)/g);
  const queries = JSON.stringify(alarms(prod)).matchAll(/SELECT \w+\((\w+)\)/g);
  const names = [...shown.map(([, name]) => name), ...[...searches, ...queries].map(([, name]) => name)];

  expect([...new Set(measured)].sort()).toEqual([...new Set(names)].sort());
  const dimensions = shown.flatMap((metric) => metric.filter((_, at) => at > 1 && at % 2 === 0));
  expect(new Set(dimensions)).toEqual(new Set(['queue', 'vendor']));
});
