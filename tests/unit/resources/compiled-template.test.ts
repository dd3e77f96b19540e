import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mapEach } from '../../../lib/concurrency';
import { parseEnv } from '../../../lib/config/environment';
import { EVENT_COLUMNS, environmentSchemas } from '../../../lib/config/functions';
import { readInstance } from '../../../lib/instances/read';
import { eventsView } from '../../../resources/catalog';
import { logicalId } from '../../../resources/logical-id';
import { permissionsOf, type Request } from '../../support/iam';
import { localPackage, SECRETS_KEY, templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

/** Every queue of the example: the start of its logical ids, its name, and the settings of its event source mapping. */
const QUEUES = [
  { id: 'Feedback', name: 'feedback', batch: 1, concurrency: 10 },
  { id: 'Emails', name: 'emails', batch: 1, concurrency: 10 },
  { id: 'Testflight', name: 'testflight', batch: 1, concurrency: 2 },
  { id: 'Analytics', name: 'analytics', batch: 10, concurrency: 10 },
];
/** Every function of the example, in the order of the template. */
const FUNCTIONS = [...QUEUES.map(({ name }) => name), 'email-events', 'hours', 'reconciler', 'alarms'];

let staging: CompiledTemplate;
let prod: CompiledTemplate;
let second: CompiledTemplate;

beforeAll(async () => {
  staging = await templateOf('staging');
  prod = await templateOf('prod');
  second = await templateOf('second');
});

/** Each attribute of each resource in a line. A long value is a hash. A statement has its own line. */
function attributesOf({ Resources }: CompiledTemplate): string[] {
  return Object.entries(Resources).flatMap(([id, { Type, Properties, ...policies }]) => {
    const { Code: _code, Environment, ...others } = Properties;
    const { Variables = {} } = (Environment ?? {}) as { Variables?: Record<string, string> };
    const lines = Object.entries({ ...policies, ...others, ...Variables }).flatMap(([name, value]) => {
      const statements = statementsIn(value).map(({ Sid, ...statement }, place) => [`.${Sid ?? place}`, statement]);
      return (statements.length > 0 ? statements : [['', value]]).map(
        ([of, each]) => `${id}.${name}${of}: ${brief(each)}`,
      );
    });
    return [`${id}: ${Type}`, ...lines];
  });
}

function statementsIn(value: unknown): { Sid?: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return 'Statement' in value ? (value.Statement as { Sid?: string }[]) : Object.values(value).flatMap(statementsIn);
}

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 100 ? text : `#${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}

// Some alarms wake people at night, and some attributes replace a queue. Read each difference, then update the snapshot:
// npm test -- tests/unit/resources/compiled -u
test('production has these resources with these attributes, and a change names each of them', () => {
  expect(attributesOf(prod).join('\n')).toMatchSnapshot();
});

const ofType = ({ Resources }: CompiledTemplate, type: string) =>
  Object.values(Resources).filter(({ Type }) => Type === type);
interface TableInput {
  Name: string;
  Parameters: Record<string, string>;
  PartitionKeys: { Name: string }[];
  StorageDescriptor: { Columns: unknown[] };
  ViewOriginalText?: string;
}

test('with analytics.athena, Glue has the tables of events without a crawler, and the view of each event once', () => {
  expect(ofType(staging, 'AWS::Glue::Table')).toEqual([]);
  const tables = ofType(prod, 'AWS::Glue::Table').map(({ Properties }) => Properties.TableInput as TableInput);
  const folders = { originals: 'analytics', late: 'analytics-late', written: 'analytics-events' };

  expect(ofType(prod, 'AWS::Glue::Database')).toMatchObject([
    { Properties: { DatabaseInput: { Name: 'mht_api_analytics' } } },
  ]);
  for (const [name, folder] of Object.entries(folders)) {
    const { Parameters, PartitionKeys } = tables.find(({ Name }) => Name === name) as TableInput;
    const location = `jobs/${folder}/year=\${year}/month=\${month}/day=\${day}/hour=\${hour}/`;
    expect(Parameters['storage.location.template']).toBe(`s3://team-bucket/${location}`);
    expect(PartitionKeys.map(({ Name }) => Name)).toEqual(['year', 'month', 'day', 'hour']);
    for (const part of ['year', 'month', 'day', 'hour']) expect(Parameters[`projection.${part}.type`]).toBe('integer');
  }
  const view = tables.find(({ Name }) => Name === 'events');
  const [, base64 = ''] = /^\/\* Presto View: (\S+) \*\/$/.exec(view?.ViewOriginalText ?? '') ?? [];
  const { originalSql, schema, columns } = JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  expect([originalSql, schema]).toEqual([eventsView({}), 'mht_api_analytics']);
  expect(columns.map((column: { name: string }) => column.name)).toEqual([...EVENT_COLUMNS, 'date', 'hour']);
  expect(columns).toHaveLength(view?.StorageDescriptor.Columns.length ?? 0);
});

const DAY = 86_400;

test('visibility, retention, receives and time-outs of each queue are those of the plan, and shorter in staging', () => {
  const of = ({ Resources }: CompiledTemplate) =>
    QUEUES.map(({ id }) => {
      const [queue, dlq] = [Resources[`${id}Queue`]?.Properties, Resources[`${id}Dlq`]?.Properties];
      const redrive = queue?.RedrivePolicy as { maxReceiveCount: number };
      const timeout = Resources[`${id}LambdaFunction`]?.Properties.Timeout;
      return [
        queue?.VisibilityTimeout,
        Number(queue?.MessageRetentionPeriod) / DAY,
        redrive.maxReceiveCount,
        Number(dlq?.MessageRetentionPeriod) / DAY,
        timeout,
      ];
    });

  expect(of(prod)).toEqual([
    [300, 14, 3, 14, 45],
    [600, 14, 3, 14, 100],
    [300, 14, 3, 14, 45],
    [120, 7, 3, 14, 20],
  ]);
  expect(of(staging)).toEqual([
    [180, 7, 3, 14, 30],
    [360, 7, 3, 14, 60],
    [180, 7, 3, 14, 30],
    [90, 7, 3, 14, 15],
  ]);
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

test('a queue and its DLQ are encrypted FIFO queues of the instance, and the DLQ takes messages of its own queue only', () => {
  for (const { id, name } of QUEUES) {
    const [queue, dlq] = [prod.Resources[`${id}Queue`]?.Properties, prod.Resources[`${id}Dlq`]?.Properties];
    const fifo = { FifoQueue: true, ContentBasedDeduplication: false, SqsManagedSseEnabled: true };
    expect(queue).toMatchObject({ QueueName: `mht-api-${name}.fifo`, ...fifo });
    expect(dlq).toMatchObject({ QueueName: `mht-api-${name}-dlq.fifo`, ...fifo });
    expect(queue?.RedrivePolicy).toEqual({
      deadLetterTargetArn: { 'Fn::GetAtt': [`${id}Dlq`, 'Arn'] },
      maxReceiveCount: 3,
    });
    const own = `arn:\${AWS::Partition}:sqs:\${AWS::Region}:\${AWS::AccountId}:mht-api-${name}.fifo`;
    expect(dlq?.RedriveAllowPolicy).toEqual({ redrivePermission: 'byQueue', sourceQueueArns: [{ 'Fn::Sub': own }] });
  }
});

test('only a queue with high throughput deduplicates and limits per message group', () => {
  const high = { DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' };

  expect(prod.Resources.AnalyticsQueue?.Properties).toMatchObject(high);
  expect(Object.keys(prod.Resources.FeedbackQueue?.Properties ?? {})).not.toContain('FifoThroughputLimit');
});

test('the table forgets expired rows, can be restored, and is encrypted and protected', () => {
  expect(prod.Resources.JobsTable?.Properties).toMatchObject({
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    SSESpecification: { SSEEnabled: true },
    DeletionProtectionEnabled: true,
  });
});

test('each queue refuses unencrypted transport', () => {
  const policies = ofType(prod, 'AWS::SQS::QueuePolicy').map(({ Properties }) => Properties);

  expect(policies.map(({ Queues }) => Queues)).toEqual(
    [...QUEUES.flatMap(({ id }) => [`${id}Queue`, `${id}Dlq`]), 'UndeliveredAlarms'].map((Ref) => [{ Ref }]),
  );
  for (const { PolicyDocument } of policies)
    expect(PolicyDocument).toMatchObject({
      Statement: expect.arrayContaining([
        expect.objectContaining({
          Effect: 'Deny',
          Principal: '*',
          Action: 'sqs:*',
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        }),
      ]),
    });
});

test('every queue that a file may name has a queue, a DLQ, and a function with its time-out', async () => {
  const { resources } = await localPackage();

  for (const { name, timeout } of readInstance('local').rows) {
    const worker = Object.values(resources).find(({ Properties }) => Properties?.FunctionName === `local-${name}`);
    expect(worker?.Properties?.Timeout).toBe(timeout);
    expect(resources[logicalId(name, 'Queue')]?.Properties?.QueueName).toBe(`local-${name}.fifo`);
    expect(resources[logicalId(name, 'Dlq')]?.Properties?.QueueName).toBe(`local-${name}-dlq.fifo`);
  }
});

// Without these responses, one failed message makes SQS deliver the whole batch again, finished jobs included.
test('the event source mappings report failed messages one by one', () => {
  expect(ofType(prod, 'AWS::Lambda::EventSourceMapping').map(({ Properties }) => Properties)).toEqual(
    QUEUES.map(({ id, batch, concurrency }) => ({
      EventSourceArn: { 'Fn::GetAtt': [`${id}Queue`, 'Arn'] },
      FunctionName: { 'Fn::GetAtt': [`${id}LambdaFunction`, 'Arn'] },
      BatchSize: batch,
      Enabled: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: concurrency },
    })),
  );
});

test.each([
  ['the reconciler runs every minute,', 'ReconcilerLambdaFunction', 'rate(1 minute)'],
  ['hours are written every 15 minutes,', 'HoursLambdaFunction', 'rate(15 minutes)'],
])('%s and Lambda does not retry a failed run', (_what, id, rate) => {
  const rules = ofType(prod, 'AWS::Events::Rule').map(({ Properties }) => Properties);
  const invocations = ofType(prod, 'AWS::Lambda::EventInvokeConfig').map(({ Properties }) => Properties);

  expect(rules.filter(({ ScheduleExpression }) => ScheduleExpression === rate)).toMatchObject([{ State: 'ENABLED' }]);
  expect(invocations.find(({ FunctionName }) => JSON.stringify(FunctionName).includes(id))).toMatchObject({
    FunctionName: { Ref: id },
    MaximumRetryAttempts: 0,
  });
});

test('only the event webhook has a URL, and it has a reserved concurrency', () => {
  expect(ofType(prod, 'AWS::Lambda::Url').map(({ Properties }) => Properties)).toMatchObject([
    { AuthType: 'NONE', TargetFunctionArn: { 'Fn::GetAtt': ['EmailEventsLambdaFunction', 'Arn'] } },
  ]);
  expect(prod.Resources.EmailEventsLambdaFunction?.Properties.ReservedConcurrentExecutions).toBe(5);
  expect(staging.Resources.EmailEventsLambdaFunction?.Properties.ReservedConcurrentExecutions).toBe(2);
});

test('functions run on nodejs24.x and arm64, without tracing or versions', () => {
  for (const { Properties } of ofType(prod, 'AWS::Lambda::Function')) {
    expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
    expect(Properties).not.toHaveProperty('TracingConfig');
  }
  expect(ofType(prod, 'AWS::Lambda::Version')).toEqual([]);
});

test('a client without a queue has no function, role, alarm, secret or output of that queue', () => {
  const kinds = Object.keys(second.Resources);

  expect(ofType(second, 'AWS::Lambda::Function').map(({ Properties }) => Properties.FunctionName)).toEqual(
    ['feedback', 'emails', 'email-events', 'reconciler', 'alarms'].map((name) => `acme-${name}`),
  );
  expect(kinds.filter((id) => /testflight|analytics|^hours|appstore/i.test(id))).toEqual([]);
  expect(second.text).not.toMatch(/testflight|analytics|app-?store|parquet/i);
});

/** The key of a function in serverless.yml. */
const keyOf = (functionName: string): string =>
  functionName.replace('mht-api-', '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

test('the environment of each function holds no references and matches its schema', () => {
  const functions = ofType(prod, 'AWS::Lambda::Function').map(({ Properties }) => Properties);
  expect(functions.map(({ FunctionName }) => FunctionName)).toEqual(FUNCTIONS.map((name) => `mht-api-${name}`));

  for (const { FunctionName, Environment } of functions) {
    const { Variables } = Environment as { Variables: Record<string, string> };
    const schema = environmentSchemas[keyOf(String(FunctionName))];
    expect(Object.values(Variables).filter((value) => typeof value !== 'string')).toEqual([]);
    expect(schema && parseEnv(schema, Variables)).toMatchObject({
      INSTANCE: 'mht-api',
      TABLE: prod.Resources.JobsTable?.Properties.TableName,
      QUEUES: { feedback: { type: 'fifo', visibility: 300, receives: 3 } },
      RETRY_WAITS: [60, 900],
    });
  }
});

test('the template has no shared role, and no resource depends on it', () => {
  expect(ofType(prod, 'AWS::IAM::Role').map(({ Properties }) => Properties.RoleName)).toEqual(
    FUNCTIONS.map((name) => `mht-api-${name}-us-east-1`),
  );
  expect(prod.text).not.toContain('"IamRoleLambdaExecution"');
});

test('production keeps its queues, its table and its logs when the stack is removed, and staging does not', () => {
  const kept = (template: CompiledTemplate) =>
    Object.entries(template.Resources).flatMap(([id, { DeletionPolicy }]) => (DeletionPolicy === 'Retain' ? [id] : []));

  expect(kept(prod)).toEqual([
    ...['Feedback', 'Emails', 'Testflight', 'Analytics', 'EmailEvents', 'Hours', 'Reconciler', 'Alarms'].map(
      (id) => `${id}LogGroup`,
    ),
    ...QUEUES.flatMap(({ id }) => [`${id}Queue`, `${id}Dlq`]),
    'JobsTable',
    'UndeliveredAlarms',
  ]);
  expect(kept(staging)).toEqual([]);
});

test('the outputs list the queues and the table, and the names of exports contain the instance', () => {
  expect(Object.keys(prod.Outputs)).toEqual([
    'ServerlessDeploymentBucketName',
    'EmailEventsLambdaFunctionUrl',
    'JobsTableName',
    'AlarmTopicArn',
    'UndeliveredAlarmsUrl',
    'JobEventsName',
    'ProducerParameterName',
    ...QUEUES.flatMap(({ id }) => [`${id}QueueUrl`, `${id}DlqUrl`]),
    'DashboardName',
    'ProducerPolicyArn',
    'ReaderPolicyArn',
    'OperatorPolicyArn',
    'Version',
    'SettingsHash',
    'Folder',
  ]);
  expect(Object.values(prod.Outputs).flatMap(({ Export }) => Export?.Name ?? [])).toEqual([
    'mht-api-jobs-prod-deployment-bucket',
    'mht-api-jobs-prod-email-events-url',
  ]);
});

test('the stack has a bus for the ends of jobs only if the instance asks for one', () => {
  const variables = ({ Resources }: CompiledTemplate) => {
    const { Environment } = (Resources.FeedbackLambdaFunction?.Properties ?? {}) as {
      Environment?: { Variables: Record<string, string> };
    };
    return Environment?.Variables.EVENT_BUS;
  };

  expect(prod.Resources.JobEvents?.Properties.Name).toBe('mht-api-jobs');
  expect(variables(prod)).toBe('mht-api-jobs');
  expect(second.Resources.JobEvents).toBeUndefined();
  expect(variables(second)).toBeUndefined();
  expect(second.text).not.toContain('events:PutEvents');
});

test('the template of a second client does not name the first', () => {
  expect(second.Resources.FeedbackQueue?.Properties.QueueName).toBe('acme-feedback.fifo');
  expect(second.text.match(/mht-api/g)).toBeNull();
  expect(prod.text.match(/staging/g)).toBeNull();
});

const queue = (name: string) => `arn:aws:sqs:us-east-1:123456789012:${name}`;
const object = (key: string) => `arn:aws:s3:::team-bucket/${key}`;
const table = 'arn:aws:dynamodb:us-east-1:123456789012:table/mht-api-jobs';
const item = (action: string, ...keys: string[]): Request => ({
  action: `dynamodb:${action}`,
  resource: table,
  context: { 'dynamodb:LeadingKeys': keys },
});
const list = (prefix: string): Request => ({
  action: 's3:ListBucket',
  resource: 'arn:aws:s3:::team-bucket',
  context: { 's3:prefix': [prefix] },
});
const on = (resource: string, ...actions: string[]): Request[] => actions.map((action) => ({ action, resource }));

const FEEDBACK_MAY: Request[] = [
  ...on(queue('mht-api-feedback.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:ChangeMessageVisibility'),
  ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:SendMessage'),
  ...on('arn:aws:events:us-east-1:123456789012:event-bus/mht-api-jobs', 'events:PutEvents'),
  ...['GetItem', 'PutItem', 'UpdateItem'].map((action) => item(action, 'feedback#0190')),
  item('DeleteItem', 'trial#feedback#0190'),
  item('GetItem', 'feedback#invalid/0190'),
  item('PutItem', 'vendor#zendesk'),
  item('PutItem', 'vendor#sendgrid'),
  item('PutItem', 'rate#sendgrid'),
  item('GetItem', 'subject#feedback#0190'),
  item('PutItem', 'subject#feedback#0190'),
  ...on(object('jobs/feedback/year=2026/x.json'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_bodies/feedback/x'), 's3:GetObject', 's3:PutObject', 's3:DeleteObject'),
  ...on(object('jobs/_attachments/feedback/x'), 's3:GetObject'),
  ...on(object('jobs/_data/feedback/x'), 's3:GetObject'),
  list('jobs/feedback/year=2026/x.json'),
  list('jobs/_data/feedback/x'),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/zendesk-token', 'ssm:GetParameter'),
  ...on(
    'arn:aws:secretsmanager:us-east-1:123456789012:secret:example/sendgrid-AbC123',
    'secretsmanager:GetSecretValue',
  ),
  { action: 'kms:Decrypt', resource: SECRETS_KEY, context: { 'kms:ViaService': ['ssm.us-east-1.amazonaws.com'] } },
];

const FEEDBACK_MAY_NOT: Request[] = [
  item('GetItem', 'subject#testflight#0190'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:SendMessage', 'sqs:PurgeQueue'),
  ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage'),
  ...on('arn:aws:events:us-east-1:123456789012:event-bus/default', 'events:PutEvents'),
  ...on(queue('mht-api-emails.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:SendMessage'),
  ...on(queue('mht-api-staging-feedback.fifo'), 'sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility'),
  item('GetItem', 'emails#0190'),
  item('UpdateItem', 'emails#0190'),
  item('UpdateItem', 'rate#sendgrid'),
  item('PutItem', 'vendor#app-store-connect'),
  item('PutItem', 'lease#reconciler'),
  item('PutItem', 'canary#feedback'),
  ...['feedback#0190', 'vendor#sendgrid', 'rate#sendgrid'].map((key) => item('DeleteItem', key)),
  ...on(object('jobs/feedback/year=2026/x.json'), 's3:DeleteObject'),
  item('GetItem', 'feedback#0190', 'emails#0190'),
  item('GetItem'),
  ...on(table, 'dynamodb:Scan'),
  ...on(`${table}/index/todo`, 'dynamodb:Query'),
  ...on(object('jobs/emails/x'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_data/emails/x'), 's3:GetObject'),
  ...on(object('jobs/_attachments/feedback/x'), 's3:PutObject', 's3:DeleteObject'),
  ...on(object('jobs/_attachments/feedback/by/x'), 's3:PutObject', 's3:DeleteObject'),
  ...on(object('other/feedback/x'), 's3:GetObject'),
  ...on('arn:aws:s3:::other-bucket/jobs/feedback/x', 's3:GetObject'),
  list('jobs/emails/'),
  list(''),
  ...on('arn:aws:s3:::team-bucket', 's3:ListBucket'),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/other', 'ssm:GetParameter'),
  ...on('arn:aws:secretsmanager:us-east-1:123456789012:secret:example/other-AbC123', 'secretsmanager:GetSecretValue'),
  ...on(
    'arn:aws:secretsmanager:us-east-1:123456789012:secret:example/sendgrid-other-AbC123',
    'secretsmanager:GetSecretValue',
  ),
  ...on(SECRETS_KEY, 'kms:Decrypt'),
  ...on(
    'arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/mht-api-reconciler:log-stream:y',
    'logs:PutLogEvents',
  ),
];

const TESTFLIGHT_MAY: Request[] = [
  ...on(queue('mht-api-testflight.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'),
  ...on(queue('mht-api-testflight-dlq.fifo'), 'sqs:SendMessage'),
  item('PutItem', 'testflight#0190'),
  item('GetItem', 'vendor#app-store-connect'),
  item('PutItem', 'vendor#sendgrid'),
  // The commands about a tester.
  ...['GetItem', 'PutItem'].map((action) => item(action, 'subject#testflight#0190')),
  ...on(object('jobs/testflight/x'), 's3:PutObject'),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/app-store-connect-key', 'ssm:GetParameter'),
];

const TESTFLIGHT_MAY_NOT: Request[] = [
  ...on(queue('mht-api-testflight.fifo'), 'sqs:SendMessage'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:ReceiveMessage'),
  item('GetItem', 'feedback#0190'),
  item('PutItem', 'vendor#zendesk'),
  ...on(object('jobs/feedback/x'), 's3:GetObject'),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/zendesk-token', 'ssm:GetParameter'),
];

const ANALYTICS_MAY: Request[] = [
  ...on(queue('mht-api-analytics.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'),
  ...on(queue('mht-api-analytics-dlq.fifo'), 'sqs:SendMessage'),
  item('GetItem', 'analytics#0190'),
  item('PutItem', 'analytics#0190'),
  ...on(object('jobs/analytics/year=2026/x.ndjson.gz'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/analytics-rejected/year=2026/x.ndjson.gz'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/analytics-late/year=2026/x.ndjson.gz'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/analytics-jobs/year=2026/x.json'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_bodies/analytics/x'), 's3:PutObject'),
  list('jobs/analytics-late/year=2026/month=01/day=02/hour=03/'),
];

const ANALYTICS_MAY_NOT: Request[] = [
  ...on(queue('mht-api-analytics.fifo'), 'sqs:SendMessage'),
  item('GetItem', 'feedback#0190'),
  item('PutItem', 'lease#hours'),
  ...on(object('jobs/analytics/year=2026/x.ndjson.gz'), 's3:DeleteObject'),
  ...on(object('jobs/analytics-late/year=2026/x.ndjson.gz'), 's3:DeleteObject'),
  ...on(object('jobs/analytics-events/year=2026/x.parquet'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/feedback/x'), 's3:GetObject', 's3:PutObject'),
  list(''),
];

const EMAILS_MAY: Request[] = [
  ...on(queue('mht-api-emails.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'),
  ...on(queue('mht-api-emails-dlq.fifo'), 'sqs:SendMessage'),
  ...['GetItem', 'PutItem'].flatMap((action) => [
    item(action, 'emails#0190'),
    item(action, 'campaign#0190'),
    item(action, 'rate#sendgrid'),
    item(action, 'vendor#sendgrid'),
  ]),
  ...on(object('jobs/emails/x'), 's3:PutObject'),
  ...on(object('jobs/_data/emails/x'), 's3:GetObject'),
  ...on(object('jobs/_recipients/emails/x'), 's3:PutObject'),
];

const EMAILS_MAY_NOT: Request[] = [
  ...on(queue('mht-api-emails.fifo'), 'sqs:SendMessage'),
  item('GetItem', 'feedback#0190'),
  item('PutItem', 'vendor#zendesk'),
  ...on(object('jobs/_data/emails/x'), 's3:PutObject', 's3:DeleteObject'),
  ...on(object('jobs/_events/emails/x'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/feedback/x'), 's3:GetObject'),
  list(''),
];

/** Its URL is public. */
const EMAIL_EVENTS_MAY: Request[] = [
  ...['emails', 'feedback', 'testflight'].map((queue) => item('GetItem', `${queue}#0190`)),
  item('PutItem', 'evidence#emails#send#0190'),
  item('GetItem', 'evidence#emails#send#0190'),
  item('PutItem', 'evidence#feedback#confirmation#0190'),
  item('PutItem', 'evidence#testflight#notification#0190'),
  ...on(object('jobs/_events/emails/x'), 's3:PutObject'),
  ...on(object('jobs/_events/feedback/x'), 's3:PutObject'),
  ...on(object('jobs/_events/testflight/x'), 's3:PutObject'),
];

const EMAIL_EVENTS_MAY_NOT: Request[] = [
  ...on(queue('mht-api-emails.fifo'), 'sqs:SendMessage', 'sqs:ReceiveMessage'),
  ...['emails', 'feedback', 'testflight'].flatMap((queue) => [
    item('PutItem', `${queue}#0190`),
    item('DeleteItem', `${queue}#0190`),
  ]),
  item('DeleteItem', 'evidence#emails#send#0190'),
  item('PutItem', 'evidence#analytics#send#0190'),
  item('GetItem', 'analytics#0190'),
  item('GetItem', 'subject#testflight#0190'),
  item('GetItem', 'campaign#0190'),
  item('PutItem', 'vendor#sendgrid'),
  ...on(object('jobs/_events/emails/x'), 's3:GetObject', 's3:DeleteObject'),
  ...on(object('jobs/_events/analytics/x'), 's3:PutObject'),
  ...on(object('jobs/emails/x'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/feedback/x'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_data/emails/x'), 's3:GetObject', 's3:PutObject'),
  ...on(
    'arn:aws:secretsmanager:us-east-1:123456789012:secret:example/sendgrid-AbC123',
    'secretsmanager:GetSecretValue',
  ),
];

const HOURS_MAY: Request[] = [
  ...on(object('jobs/analytics/year=2026/x.ndjson.gz'), 's3:GetObject'),
  ...on(object('jobs/analytics-events/year=2026/part-0-of-1.parquet'), 's3:GetObject', 's3:PutObject'),
  ...['analytics', 'analytics-late', 'analytics-events'].map((folder) => list(`jobs/${folder}/year=2026/`)),
  item('GetItem', 'lease#hours'),
  item('PutItem', 'lease#hours'),
];

const HOURS_MAY_NOT: Request[] = [
  ...on(queue('mht-api-analytics.fifo'), 'sqs:ReceiveMessage', 'sqs:SendMessage'),
  ...on(object('jobs/analytics/year=2026/x.ndjson.gz'), 's3:PutObject', 's3:DeleteObject'),
  ...on(object('jobs/analytics-late/year=2026/x.ndjson.gz'), 's3:PutObject', 's3:DeleteObject'),
  ...on(object('jobs/analytics-events/year=2026/x.parquet'), 's3:DeleteObject'),
  ...on(object('jobs/analytics-rejected/x'), 's3:GetObject', 's3:DeleteObject'),
  ...on(object('jobs/feedback/x'), 's3:GetObject', 's3:DeleteObject'),
  item('PutItem', 'analytics#0190'),
  item('PutItem', 'lease#reconciler'),
  list(''),
];

const RECONCILER_MAY: Request[] = [
  ...on('arn:aws:sns:us-east-1:123456789012:mht-api-alarms', 'sns:Publish'),
  item('DeleteItem', 'evidence#emails#send#0190'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:SendMessage', 'sqs:GetQueueAttributes'),
  ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'),
  ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:GetQueueAttributes', 'sqs:SendMessage'),
  ...on(table, 'dynamodb:GetItem', 'dynamodb:PutItem'),
  ...on(`${table}/index/todo`, 'dynamodb:Query'),
  ...on(object('jobs/feedback/year=2026/x.json'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_bodies/feedback/x'), 's3:GetObject', 's3:PutObject', 's3:DeleteObject'),
  ...on(object('jobs/_data/emails/x/recipients-0'), 's3:DeleteObject'),
  ...['feedback', 'emails'].flatMap((name) => on(object(`jobs/_attachments/${name}/by/x`), 's3:DeleteObject')),
  list('jobs/feedback/year=2026/'),
  list('jobs/_data/emails/x/'),
];

const RECONCILER_MAY_NOT: Request[] = [
  ...on('arn:aws:sns:us-east-1:123456789012:mht-api-alarms-undelivered', 'sns:Publish'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:PurgeQueue'),
  ...on(queue('mht-api-staging-feedback-dlq.fifo'), 'sqs:ReceiveMessage', 'sqs:SendMessage'),
  ...on(table, 'dynamodb:DeleteItem', 'dynamodb:Scan', 'dynamodb:DeleteTable'),
  item('DeleteItem', 'emails#0190'),
  ...on(object('jobs/feedback/year=2026/x.json'), 's3:DeleteObject'),
  ...on('arn:aws:dynamodb:us-east-1:123456789012:table/mht-api-jobs-copy', 'dynamodb:GetItem'),
  ...on(object('jobs/_data/feedback/x'), 's3:GetObject', 's3:DeleteObject'),
  ...on(object('jobs/_data/emails/x/recipients-0'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_attachments/feedback/x'), 's3:GetObject', 's3:DeleteObject'),
  ...on(object('jobs/_attachments/feedback/by/x'), 's3:GetObject', 's3:PutObject'),
  ...on(object('jobs/_attachments/testflight/by/x'), 's3:DeleteObject'),
  ...on(object('uploads/x'), 's3:GetObject'),
  list(''),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/zendesk-token', 'ssm:GetParameter'),
];

const ALARMS_MAY: Request[] = [
  item('GetItem', 'facts'),
  item('GetItem', 'outages'),
  item('PutItem', 'outages'),
  item('GetItem', 'lease#reconciler'),
  item('GetItem', 'pause#feedback'),
  ...on(queue('mht-api-alarms-undelivered'), 'sqs:SendMessage'),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/discord-webhook-url', 'ssm:GetParameter'),
];

const ALARMS_MAY_NOT: Request[] = [
  item('PutItem', 'facts'),
  item('GetItem', 'feedback#0190'),
  item('GetItem', 'vendor#zendesk'),
  item('GetItem', 'facts', 'feedback#0190'),
  item('PutItem', 'lease#reconciler'),
  item('PutItem', 'pause#feedback'),
  ...on(queue('mht-api-alarms-undelivered'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:PurgeQueue'),
  ...on(queue('mht-api-feedback.fifo'), 'sqs:SendMessage', 'sqs:ReceiveMessage'),
  ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:SendMessage', 'sqs:ReceiveMessage'),
  ...on(object('jobs/feedback/year=2026/x.json'), 's3:GetObject', 's3:PutObject'),
  ...on('arn:aws:ssm:us-east-1:123456789012:parameter/example/zendesk-token', 'ssm:GetParameter'),
  ...on('arn:aws:sns:us-east-1:123456789012:mht-api-alarms', 'sns:Publish'),
];

test.each<[string, string, Request[], boolean]>([
  ['the feedback function may do what its queue needs', 'FeedbackIamRoleLambdaExecution', FEEDBACK_MAY, true],
  ['the feedback function may do nothing else', 'FeedbackIamRoleLambdaExecution', FEEDBACK_MAY_NOT, false],
  ['the testflight function may do what its queue needs', 'TestflightIamRoleLambdaExecution', TESTFLIGHT_MAY, true],
  ['the testflight function may do nothing else', 'TestflightIamRoleLambdaExecution', TESTFLIGHT_MAY_NOT, false],
  ['the reconciler may do what its runs need', 'ReconcilerIamRoleLambdaExecution', RECONCILER_MAY, true],
  ['the reconciler may do nothing else', 'ReconcilerIamRoleLambdaExecution', RECONCILER_MAY_NOT, false],
  ['the analytics function may do what its queue needs', 'AnalyticsIamRoleLambdaExecution', ANALYTICS_MAY, true],
  ['the analytics function may do nothing else', 'AnalyticsIamRoleLambdaExecution', ANALYTICS_MAY_NOT, false],
  ['the emails function may do what its queue needs', 'EmailsIamRoleLambdaExecution', EMAILS_MAY, true],
  ['the emails function may do nothing else', 'EmailsIamRoleLambdaExecution', EMAILS_MAY_NOT, false],
  ['the event webhook may do what storing events needs', 'EmailEventsIamRoleLambdaExecution', EMAIL_EVENTS_MAY, true],
  ['the event webhook may do nothing else', 'EmailEventsIamRoleLambdaExecution', EMAIL_EVENTS_MAY_NOT, false],
  ['the hours function may do what writing Parquet needs', 'HoursIamRoleLambdaExecution', HOURS_MAY, true],
  ['the hours function may do nothing else', 'HoursIamRoleLambdaExecution', HOURS_MAY_NOT, false],
  ['the alarms function may do what sending an alarm needs', 'AlarmsIamRoleLambdaExecution', ALARMS_MAY, true],
  ['the alarms function may do nothing else', 'AlarmsIamRoleLambdaExecution', ALARMS_MAY_NOT, false],
])('%s', async (_sentence, role, requests, expected) => {
  const allows = permissionsOf(prod, role);

  const wrong = await mapEach(requests, 1, async (request) =>
    (await allows(request)).length > 0 === expected ? [] : [request],
  );
  expect(wrong.flat()).toEqual([]);
});

test('no function may use a key when no customer key is configured', () => {
  expect(staging.text).not.toContain('kms:');
});
