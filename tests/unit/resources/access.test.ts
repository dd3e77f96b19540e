import { accessResources } from '../../../resources/access';
import { parseInstance } from '../../../resources/instances/read';
import {
  arn,
  fromOtherAccount,
  item,
  object,
  ofItsKey,
  on,
  permissionsOf,
  queue,
  type Request,
  statementsOf,
  table,
  unexpected,
} from '../../support/iam';
import { changedFile } from '../../support/instances';
import { SECRETS_KEY, templateOf } from '../../support/packages';
import type { CompiledTemplate } from '../../support/sls';

let prod: CompiledTemplate;
let second: CompiledTemplate;
beforeAll(async () => {
  prod = await templateOf('prod');
  second = await templateOf('second');
});

const changeOf = (name: string): Request => ({
  action: 'lambda:UpdateEventSourceMapping',
  resource: arn('lambda', 'event-source-mapping:0190a1b2-0000-4000-8000-000000000001'),
  context: { 'lambda:FunctionArn': [arn('lambda', `function:${name}`)] },
});

const PERSONAL = ['_bodies/feedback/x', '_data/emails/x/recipients-1', '_attachments/feedback/x'];

// What each policy allows is recorded (tests/integration/permissions/recorded.test.ts).
const MAY_NOT: Record<string, Request[]> = {
  'ProducerPolicy ProducerObjectsPolicy': [
    ...on(queue('mht-api-feedback.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage'),
    ...on(queue('mht-api-staging-feedback.fifo'), 'sqs:SendMessage'),
    ...['vendor#zendesk', 'lease#reconciler', 'analytics#1', 'file#other/_attachments/emails/by/x'].map((key) =>
      item('PutItem', key),
    ),
    item('DeleteItem', 'feedback#1'),
    ...on(`${table}/index/todo`, 'dynamodb:Query'),
    ...PERSONAL.slice(0, 2).flatMap((key) => on(object(`jobs/${key}`), 's3:GetObject', 's3:DeleteObject')),
    ...[object('other/_data/emails/x'), object('jobs/_suppressed/emails')].flatMap((key) => on(key, 's3:PutObject')),
    ...on(arn('ssm', 'parameter/example/zendesk-token'), 'ssm:GetParameter'),
  ],
  ReaderPolicy: [
    ...['PutItem', 'DeleteItem'].map((action) => item(action, 'feedback#1')),
    item('GetItem', 'person#feedback#1'),
    ...PERSONAL.flatMap((key) => on(object(`jobs/${key}`), 's3:GetObject', 's3:PutObject', 's3:DeleteObject')),
    ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:ReceiveMessage', 'sqs:SendMessage'),
    ...on(arn('ssm', 'parameter/example/hash-key'), 'ssm:GetParameter'),
    ...on(object('jobs/analytics-originals/x'), 's3:GetObject'),
  ],
  'OperatorPolicy OperatorObjectsPolicy': [
    ...on(queue('mht-api-feedback.fifo'), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:PurgeQueue'),
    ...on(queue('mht-api-feedback-dlq.fifo'), 'sqs:DeleteMessage'),
    item('DeleteItem', 'feedback#1'),
    changeOf('other-emails'),
    ...PERSONAL.flatMap((key) => on(object(`jobs/${key}`), 's3:DeleteObject')),
    ...on(object('jobs/_attachments/feedback/x'), 's3:GetObject'),
    ...on(arn('ssm', 'parameter/example/zendesk-token'), 'ssm:GetParameter'),
  ],
  PrivacyPolicy: [
    ...['vendor#zendesk', 'pause#feedback', 'campaign#1', 'lease#reconciler'].map((key) => item('PutItem', key)),
    ...['_audit/1.json', '_owner', '_events/emails/x', 'feedback/x'].flatMap((key) =>
      on(object(`jobs/${key}`), 's3:DeleteObject'),
    ),
    ...['_audit/1.json', '_owner', '_bodies/feedback/x'].flatMap((key) => on(object(`jobs/${key}`), 's3:PutObject')),
    ...on(object('other/feedback/x'), 's3:GetObject'),
    ...on(queue('mht-api-feedback.fifo'), 'sqs:SendMessage', 'sqs:ReceiveMessage'),
    ...on(table, 'dynamodb:Scan'),
  ],
};

test.each(Object.entries(MAY_NOT))('%s: allows nothing that it is not for', async (ids, requests) => {
  expect(await unexpected(permissionsOf(prod, ids.split(' ')), requests, false)).toEqual([]);
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
  ...['feedback', 'emails', 'testflight', 'analytics'].map((name) =>
    item('GetItem', `${name}#0190`, 'canary#feedback'),
  ),
  ...['lease#reconciler', 'canary#feedback', 'facts', 'pause#feedback'].map((key) => item('PutItem', key)),
  ...on(`${table}/index/todo`, 'dynamodb:Query'),
];
/** Its URL is public. */
const THE_WEBHOOK_MAY_NOT: Request[] = [
  ...on(queue('mht-api-emails.fifo'), 'sqs:SendMessage', 'sqs:ReceiveMessage'),
  ...['emails#0190', 'feedback#0190', 'vendor#sendgrid', 'evidence#analytics#send#0190'].map((key) =>
    item('PutItem', key),
  ),
  ...['analytics#0190', 'person#testflight#0190', 'campaign#0190'].map((key) => item('GetItem', key)),
  ...['_events/emails/x', 'emails/x', '_data/emails/x'].flatMap((key) => on(object(`jobs/${key}`), 's3:GetObject')),
  ...['_events/analytics/x', '_suppressed/emails'].flatMap((key) => on(object(`jobs/${key}`), 's3:PutObject')),
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

/** An instance whose names are as long as the schema allows, with every queue, in a longer partition and region than any. */
const LONGEST: Record<string, unknown> = {
  bucket: 'b'.repeat(63),
  prefix: 'p'.repeat(48),
  kmsKey: 'own',
  secretsKey: `arn:aws-us-gov:kms:ap-southeast-2:123456789012:key/mrk-${'0'.repeat(32)}`,
  hashKey: `ssm:/${'h'.repeat(251)}`,
  'sendgrid.suppressionKey': `ssm:/${'s'.repeat(251)}`,
  'events.bus': `arn:aws-us-gov:events:ap-southeast-2:123456789012:event-bus/${'e'.repeat(256)}`,
};
const LONG_PLACE = { region: 'ap-southeast-2', account: '123456789012' };

test('with the longest names, each policy fits into a managed policy of IAM', () => {
  const { Resources = {} } = accessResources(parseInstance('a'.repeat(32), changedFile('mht-api', LONGEST)));
  // The id of a key has 36 characters.
  const template = { Resources: { ...Resources, JobsKey: { Type: 'AWS::KMS::Key' } } };
  const lengths = Object.keys(Resources).map((id) => {
    const Statement = statementsOf(template, id, LONG_PLACE);
    const text = JSON.stringify({ Version: '2012-10-17', Statement }).replaceAll('JobsKey', '0'.repeat(36));
    return [id, text.replaceAll('arn:aws:', 'arn:aws-us-gov:').replaceAll('amazonaws.com', 'amazonaws.com.cn').length];
  });

  expect(lengths.length).toBeGreaterThan(2);
  expect(lengths.filter(([, length]) => Number(length) > 6_144)).toEqual([]);
});

test.each(['ReaderPolicy', 'OperatorPolicy'])("the %s reads the logs of its instance's functions only", async (id) => {
  const functions = Object.values(prod.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  const names = functions.map(({ Properties }) => String(Properties.FunctionName));
  const log = (name: string) => arn('logs', `log-group:/aws/lambda/${name}:*`);
  // What `sls logs` calls, also with --tail.
  const reads = (name: string) => on(log(name), 'logs:DescribeLogStreams', 'logs:FilterLogEvents');

  expect(names).toContain('mht-api-email-events');
  expect(await unexpected(permissionsOf(prod, id), names.flatMap(reads), true)).toEqual([]);
  const others = [...reads('mht-api-staging-feedback'), ...on(log('mht-api-feedback'), 'logs:DeleteLogGroup')];
  expect(await unexpected(permissionsOf(prod, id), others, false)).toEqual([]);
});

test('the role of the API has the policy of the producers, and only principals of the file may take it', async () => {
  const { AssumeRolePolicyDocument } = second.Resources.ApiRole?.Properties ?? {};

  expect(AssumeRolePolicyDocument).toMatchObject({
    Statement: [
      {
        Principal: { Service: ['ecs-tasks.amazonaws.com'] },
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
      { Principal: { AWS: ['arn:aws:iam::123456789012:role/shop-api'] } },
    ],
  });
  const allows = permissionsOf(second, 'ApiRole');
  const send = (name: string) => on(queue(name), 'sqs:SendMessage');
  expect(await unexpected(allows, send('acme-feedback.fifo'), true)).toEqual([]);
  expect(await unexpected(allows, send('acme-analytics.fifo'), false)).toEqual([]);
  expect(Object.keys(second.Outputs)).toContain('ApiRoleArn');
  expect(Object.keys(prod.Resources)).not.toContain('ApiRole');
  // No other account may use a queue without accounts in the file.
  const others = fromOtherAccount(prod, 'FeedbackQueuePolicy', { role: 'any-role' });
  expect(await unexpected(others, send('mht-api-feedback.fifo'), false)).toEqual([]);
});

const inOrganization = (request: Request, id = 'o-a1b2c3d4e5'): Request => ({
  ...request,
  context: { 'aws:PrincipalOrgID': [id] },
});

test.each([
  ['every role of a named account may send', 'FeedbackQueuePolicy', 'feedback', 'any-role', true],
  ['a named role of another account may send', 'EmailsQueuePolicy', 'emails', 'newsletter', true],
  ['other roles of its account may not send', 'EmailsQueuePolicy', 'emails', 'any-role', false],
])('%s, and never more, without TLS, or from outside of the organisation', async (...[, id, name, role, expected]) => {
  const allows = fromOtherAccount(second, id, { role });
  const [send] = on(queue(`acme-${name}.fifo`), 'sqs:SendMessage') as [Request];

  expect(await unexpected(allows, [inOrganization(send)], expected)).toEqual([]);
  expect(await unexpected(allows, [send, inOrganization(send, 'o-another00000')], false)).toEqual([]);
  const others = on(queue(`acme-${name}.fifo`), 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes');
  const ours = others.map((other) => inOrganization(other));
  expect(await unexpected(allows, ours, false)).toEqual([]);
  const plain = { ...send, context: { 'aws:PrincipalOrgID': ['o-a1b2c3d4e5'], 'aws:SecureTransport': ['false'] } };
  expect(await unexpected(allows, [plain], false)).toEqual([]);
});

describe('a customer key of its own', () => {
  const key = { 'Fn::GetAtt': ['JobsKey', 'Arn'] };
  const ofType = (type: string) => Object.values(second.Resources).filter(({ Type }) => Type === type);

  test('encrypts every queue, topic, table and log group', () => {
    for (const type of ['AWS::SQS::Queue', 'AWS::SNS::Topic'])
      for (const { Properties } of ofType(type)) {
        expect(Properties.KmsMasterKeyId).toEqual(key);
        expect(Properties).not.toHaveProperty('SqsManagedSseEnabled');
      }
    for (const { Properties } of ofType('AWS::Logs::LogGroup')) expect(Properties.KmsKeyId).toEqual(key);
    const { JobsKeyAlias, JobsTable } = second.Resources;
    expect(JobsTable?.Properties.SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: key });
    expect(JobsKeyAlias?.Properties.AliasName).toBe('alias/acme-jobs');
  });

  const about = (kind: string, value: string) => ({ [`kms:EncryptionContext:aws:${kind}`]: [value] });
  const alarms = about('sns:topicArn', arn('sns', 'acme-alarms'));
  const log = (name: string) => about('logs:arn', arn('logs', `log-group:/aws/lambda/${name}`));
  const viaSqs = (name: string) => ({
    'kms:ViaService': ['sqs.us-east-1.amazonaws.com'],
    ...about('sqs:arn', arn('sqs', name)),
  });
  const stranger = 'arn:aws:iam::210987654321:role/newsletter';

  test.each([
    ['cloudwatch.amazonaws.com', alarms, true],
    ['cloudwatch.amazonaws.com', about('sns:topicArn', arn('sns', 'acme-alarms-undelivered')), true],
    ['cloudwatch.amazonaws.com', about('sns:topicArn', arn('sns', 'other-alarms')), false],
    ['cloudwatch.amazonaws.com', {}, false],
    ['events.amazonaws.com', alarms, false],
    ['events.amazonaws.com', about('sqs:arn', arn('sqs', 'acme-webhook-undelivered')), true],
    ['sns.amazonaws.com', about('sqs:arn', arn('sqs', 'acme-alarms-undelivered')), true],
    ['sns.amazonaws.com', about('sqs:arn', arn('sqs', 'acme-feedback.fifo')), false],
    ['logs.us-east-1.amazonaws.com', log('acme-feedback'), true],
    ['logs.us-east-1.amazonaws.com', log('other-feedback'), false],
    [stranger, viaSqs('acme-emails.fifo'), true],
    [stranger, viaSqs('acme-emails-dlq.fifo'), false],
    [stranger, about('sqs:arn', arn('sqs', 'acme-emails.fifo')), false],
    ['arn:aws:iam::111111111111:role/newsletter', viaSqs('acme-emails.fifo'), false],
  ])('may be used by %s for %j: %s', async (principal, context, expected) => {
    expect((await ofItsKey(second, principal)(context)).length > 0).toBe(expected);
  });
});
