import * as jobKeys from '../lib/engine/jobs/keys';
import { rateKey } from '../lib/mail/rate';
import { suppressedKey, suppressKey } from '../lib/mail/suppression';
import { dataPrefix as analyticsPrefix, latePrefix, parquetPrefix, rejectedPrefix } from '../lib/queues/analytics/keys';
import { ANALYTICS_QUEUE, hoursKey } from '../lib/queues/analytics/queue';
import { campaignKey, EMAILS_QUEUE, listKey } from '../lib/queues/emails/queue';
import { UPLOADS } from '../lib/queues/uploads';
import { functionsOf, type Instance, producerSettingsOf, stackName } from './instances/instance';
import { arn, busArn, type Fragment, merge, pascal, policyDocument, principalArn } from './template';

/** The managed policies of people and services. Each has the logical id `{Who}Policy`, which never changes. */
const POLICIES = {
  // IAM allows 6,144 characters in a policy, so programs and operators have two.
  producer: { about: 'programs that send jobs', statements: producerStatements },
  'producer-objects': { about: 'the same programs, about the bucket', statements: producerObjectsStatements },
  reader: { about: 'people who read the state of jobs', statements: readerStatements },
  operator: { about: 'people who run our commands', statements: operatorStatements },
  'operator-objects': { about: 'the same people, about the bucket', statements: operatorObjectsStatements },
  privacy: { about: 'people who find and erase a person', statements: privacyStatements },
};

export function accessResources(of: Instance): Fragment {
  // A queue of events alone needs no objects.
  const used = Object.entries(POLICIES).filter(([, { statements }]) => statements(of).length > 0);
  const idOf = (who: string) => `${pascal(who)}Policy`;
  const policies = used.flatMap(([who, { about, statements }]) =>
    asLongAsAllowed(statements(of)).map((some, index) => {
      const part = index === 0 ? who : `${who}-${index + 1}`;
      return { who: part, about, Properties: { ManagedPolicyName: named(of.name, part), PolicyDocument: some } };
    }),
  );
  const fragments = policies.map(
    ({ who, about, Properties }): Fragment => ({
      Resources: { [idOf(who)]: { Type: 'AWS::IAM::ManagedPolicy', Properties } },
      Outputs: { [`${idOf(who)}Arn`]: { Description: `Policy for ${about}`, Value: { Ref: idOf(who) } } },
    }),
  );
  const ofApi = policies.filter(({ who }) => who.startsWith('producer')).map(({ who }) => ({ Ref: idOf(who) }));
  return merge([...fragments, of.access.api ? apiRole(of.name, of.access.api, ofApi) : {}]);
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const POLICY = 6_144;

/** The statements in one policy, or in several if an instance has so many queues that IAM would refuse one. */
function asLongAsAllowed(statements: Statement[]): ReturnType<typeof policyDocument>[] {
  const parts: Statement[][] = [];
  for (const statement of statements) {
    const last = parts.at(-1);
    if (last && deployedLength(policyDocument([...last, statement])) <= POLICY) last.push(statement);
    else parts.push([statement]);
  }
  return parts.map(policyDocument);
}

/** How long a document becomes at most: what it calls a partition, region, account or key is known in the stack only. */
export const deployedLength = (document: object): number =>
  JSON.stringify(document)
    .replace(/\{"Fn::(?:Sub|GetAtt)":("[^"]*"|\[[^\]]*\])\}/g, '$1')
    .replace('["JobsKey","Arn"]', `"${'k'.repeat(80)}"`)
    .replaceAll(`\${AWS::Partition}`, 'aws-cn')
    .replaceAll(`\${AWS::Region}`, 'ap-southeast-2')
    .replaceAll(`\${AWS::AccountId}`, '123456789012')
    .replaceAll(`\${AWS::URLSuffix}`, 'amazonaws.com.cn').length;

/** An account has the names of policies and roles once for all regions. */
const named = (instance: string, what: string) => ({ 'Fn::Sub': `${instance}-${what}-\${AWS::Region}` });

function apiRole(instance: string, trusted: string[], ManagedPolicyArns: object[]): Fragment {
  const services = trusted.filter((principal) => principal.endsWith('.amazonaws.com'));
  const identities = trusted.filter((principal) => !services.includes(principal)).map(principalArn);
  const allowed = { Effect: 'Allow', Action: 'sts:AssumeRole' };
  // A service acts for many accounts. The condition holds for work of this one only.
  const ofThisAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };
  const statements = [
    ...(services.length > 0 ? [{ ...allowed, Principal: { Service: services }, Condition: ofThisAccount }] : []),
    ...(identities.length > 0 ? [{ ...allowed, Principal: { AWS: identities } }] : []),
  ];
  const Properties = {
    RoleName: named(instance, 'api'),
    AssumeRolePolicyDocument: policyDocument(statements),
    ManagedPolicyArns,
  };
  return {
    Resources: { ApiRole: { Type: 'AWS::IAM::Role', Properties } },
    Outputs: { ApiRoleArn: { Description: 'Role of the API', Value: { 'Fn::GetAtt': ['ApiRole', 'Arn'] } } },
  };
}

export const mainQueues = ({ rows, ...of }: Instance) =>
  rows.map(({ name, type }) => arn('sqs', jobKeys.queueName(of.name, name, type)));
export const deadLetterQueues = ({ rows, ...of }: Instance) =>
  rows.map(({ name, type }) => arn('sqs', jobKeys.dlqName(of.name, name, type)));

function keysOf({ prefix, rows }: Instance) {
  const names = rows.map(({ name }) => name);
  const jobs = names.filter((name) => name !== ANALYTICS_QUEUE);
  const campaigns = names.filter((name) => name === EMAILS_QUEUE);
  const folder = (folderOf: (prefix: string, queue: string) => string, queues = names) =>
    queues.map((queue) => `${folderOf(prefix, queue)}/*`);
  return {
    jobs,
    items: names.map((name) => jobKeys.jobKey(name, '*')),
    campaigns: campaigns.map(() => campaignKey('*')),
    uploads: Object.keys(UPLOADS).filter((name) => names.includes(name)),
    lists: campaigns.map((name) => `${jobKeys.dataPrefix(prefix, name)}*`),
    suppressed: campaigns.map(() => suppressedKey(prefix)),
    bodies: names.map((name) => jobKeys.bodyKey(prefix, name, '*')),
    records: folder(jobKeys.recordFolder),
    events: folder(jobKeys.eventsFolder),
    campaignEvents: folder(jobKeys.eventsFolder, campaigns),
    campaignRecords: folder(jobKeys.recordFolder, campaigns),
    // `sls report` reads these.
    jobRecords: folder(jobKeys.recordFolder, jobs),
    verified: `${jobKeys.verifiedKey(prefix, '')}*`,
    audits: jobKeys.auditKey(prefix, '*').replace('.json', ''),
    // Events and rejected events of analytics, as they came and as Parquet.
    data: names.includes(ANALYTICS_QUEUE)
      ? [analyticsPrefix, parquetPrefix, rejectedPrefix].map((folderOf) => `${folderOf(prefix)}*`)
      : [],
  };
}

export function verifiedObjects(of: Instance) {
  const { records, events, data } = keysOf(of);
  return objectArns(of, [...records, ...events, ...data]);
}

/** What the functions of the producer call. Events of analytics are sent only: they have no row and no object. */
function producerStatements(of: Instance): Statement[] {
  const { prefix } = of;
  const { jobs, items, campaigns, suppressed, uploads } = keysOf(of);
  const others = [
    ...campaigns,
    ...suppressed.map(() => suppressKey('*')),
    ...suppressed.map(() => listKey('*')),
    ...uploads.map((name) => jobKeys.fileKey(`${jobKeys.uploadsPrefix(prefix, name)}*`)),
  ];
  return [
    allow('Settings', ['ssm:GetParameter'], arn('ssm', `parameter${jobKeys.producerParameter(of.name)}`)),
    allow('Send', ['sqs:SendMessage'], mainQueues(of)),
    allowItems(of, 'Read', ['dynamodb:GetItem'], [...items, ...others]),
    allowItems(of, 'Accept', ['dynamodb:PutItem'], [...jobs.map((name) => jobKeys.jobKey(name, '*')), ...others]),
    ...keyStatements(of, ['sqs', 'dynamodb']),
    ...hashKeyStatements(of),
  ];
}

function producerObjectsStatements(of: Instance): Statement[] {
  const { prefix } = of;
  const { jobs, suppressed, uploads, campaignRecords, campaignEvents } = keysOf(of);
  const attachments = uploads.map((name) => `${jobKeys.attachmentsPrefix(prefix, name)}*`);
  const written = jobs.flatMap((name) => [`${jobKeys.dataPrefix(prefix, name)}*`, jobKeys.bodyKey(prefix, name, '*')]);
  return [
    ...(jobs.length > 0 ? [allowObjects(of, 'DataAndUploads', ['s3:PutObject'], [...written, ...attachments])] : []),
    // Of an attachment it reads the size only.
    ...readObjects(of, 'FilesAndReports', [...attachments, ...campaignRecords, ...campaignEvents, ...suppressed]),
    ...keyStatements(of, ['s3']),
  ];
}

const readObjects = (of: Instance, Sid: string, keys: string[]): Statement[] =>
  keys.length > 0 ? [allowObjects(of, Sid, ['s3:GetObject'], keys), listBucket(of, keys)] : [];

const logGroups = (of: Instance) =>
  functionsOf(of).map((key) => arn('logs', `log-group:/aws/lambda/${jobKeys.functionName(of.name, key)}:*`));

const watchStatements = (of: Instance): Statement[] => [
  // These calls do not know permissions on single resources.
  allow('Watch', ['lambda:ListEventSourceMappings', 'cloudwatch:GetMetricData', 'cloudwatch:DescribeAlarms'], '*'),
  allow('Stack', ['cloudformation:DescribeStacks'], arn('cloudformation', `stack/${stackName(of)}/*`)),
  allow('Logs', ['logs:DescribeLogStreams', 'logs:FilterLogEvents'], logGroups(of)),
];

/**
 * New audit objects only, so that people cannot rewrite what they have done or asked for: with the header
 * If-None-Match, S3 refuses to replace an object.
 */
const auditStatement = (of: Instance): Statement => ({
  ...allowObjects(of, 'Audit', ['s3:PutObject'], [jobKeys.auditKey(of.prefix, '*')]),
  Condition: { Null: { 's3:if-none-match': 'false' } },
});

/** What the commands that only show jobs, campaigns and queues call. They read no body, list or attachment. */
function readerStatements(of: Instance): Statement[] {
  const { items, campaigns, jobRecords, campaignEvents, verified, audits } = keysOf(of);
  const { reconcilerKey, factsKey, vendorKey, pauseKey } = jobKeys;
  const shared = [reconcilerKey, factsKey, ...[vendorKey, rateKey, pauseKey].map((keyOf) => keyOf('*'))];
  return [
    allowItems(of, 'Read', ['dynamodb:GetItem'], [...items, ...campaigns, ...shared]),
    allow('Search', ['dynamodb:Query'], table(of, '/index/*')),
    allow('Count', ['sqs:GetQueueAttributes'], [...mainQueues(of), ...deadLetterQueues(of)]),
    ...watchStatements(of),
    ...readObjects(of, 'Reports', [...jobRecords, ...campaignEvents, verified, audits]),
    auditStatement(of),
    ...keyStatements(of, ['dynamodb', 's3']),
  ];
}

function operatorStatements(of: Instance): Statement[] {
  const { name, rows } = of;
  const dlqs = deadLetterQueues(of);
  const send = ['sqs:GetQueueAttributes', 'sqs:SendMessage'];
  const bus = jobKeys.eventBus(name, of.events.bus);
  const workers = rows.map((row) => arn('lambda', `function:${jobKeys.functionName(name, row.name)}`));
  return [
    allow('FindAndSend', send, mainQueues(of)),
    allow('DeadLetters', [...send, 'sqs:GetQueueUrl', 'sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility'], dlqs),
    allow('Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Scan'], table(of)),
    allow('Search', ['dynamodb:Query'], table(of, '/index/*')),
    allowItems(of, 'Resume', ['dynamodb:DeleteItem'], [jobKeys.pauseKey('*')]),
    allow('Pause', ['lambda:UpdateEventSourceMapping'], arn('lambda', 'event-source-mapping:*'), {
      ArnLike: { 'lambda:FunctionArn': workers },
    }),
    ...watchStatements(of),
    allow('TestAlarms', ['sns:Publish'], arn('sns', jobKeys.topicName(name))),
    // `sls jobs` publishes the ends of jobs that it ends.
    ...(bus === '' ? [] : [allow('Publish', ['events:PutEvents'], busArn(bus))]),
    ...keyStatements(of, ['sqs', 'dynamodb', 'sns'], [...mainQueues(of), ...dlqs]),
  ];
}

/** Also the keys of the hashes by which operators find people, in rows and in the list of addresses that get no mail. */
function operatorObjectsStatements(of: Instance): Statement[] {
  const { bodies, records, events, data, lists, suppressed, verified, audits } = keysOf(of);
  const searched = [...events, ...data, verified, audits];
  const allBodies = jobKeys.bodyKey(of.prefix, '*', '').replace(/\/$/, '');
  return [
    allowObjects(of, 'Records', ['s3:GetObject', 's3:PutObject'], [...records, ...suppressed]),
    allowObjects(of, 'EventsAndData', ['s3:GetObject'], [...searched, ...lists, ...bodies]),
    auditStatement(of),
    listBucket(of, [...records, ...searched, allBodies, ...suppressed]),
    ...keyStatements(of, ['s3']),
    ...hashKeyStatements(of),
  ];
}

/** What find and erase call: they read all data, and delete. No operator needs it. */
function privacyStatements(of: Instance): Statement[] {
  const { prefix, events } = of;
  const { items, records, data, suppressed } = keysOf(of);
  const bus = jobKeys.eventBus(of.name, events.bus);
  // Lists of queues would make it longer than IAM allows.
  const all = `${prefix}/*`;
  const given = [`${prefix}/_data/*`, `${prefix}/_attachments/*`];
  const analytics = data.length > 0 ? [...data, `${latePrefix(prefix)}*`] : [];
  const leases = data.length > 0 ? [hoursKey] : [];
  return [
    allowItems(of, 'Jobs', ['dynamodb:GetItem', 'dynamodb:PutItem'], [...items, ...leases]),
    allowItems(of, 'Files', ['dynamodb:GetItem'], [jobKeys.fileKey(all)]),
    allow('Search', ['dynamodb:Query'], table(of, '/index/*')),
    allowObjects(of, 'Read', ['s3:GetObject'], [all]),
    listBucket(of, [all]),
    allowObjects(of, 'Rewrite', ['s3:PutObject'], [...records, ...analytics, ...given, ...suppressed]),
    allowObjects(of, 'Delete', ['s3:DeleteObject'], [...given, `${prefix}/_bodies/*`]),
    auditStatement(of),
    ...(bus === '' ? [] : [allow('Publish', ['events:PutEvents'], busArn(bus))]),
    ...keyStatements(of, ['dynamodb', 's3']),
    ...hashKeyStatements(of),
  ];
}

/** A producer writes hashes of people, and an operator searches for them. The local stage has no parameter. */
function hashKeyStatements(of: Instance): Statement[] {
  const { hashKey, secretsKey } = of;
  const { suppressionKey } = producerSettingsOf(of, '');
  const parameters = secretArns([hashKey, ...(suppressionKey === undefined ? [] : [suppressionKey])]);
  if (parameters.length === 0) return [];
  const decrypt = allow('SecretsKey', ['kms:Decrypt'], secretsKey, { StringEquals: viaService(['ssm']) });
  return [allow('Parameters', ['ssm:GetParameter'], parameters), ...(secretsKey ? [decrypt] : [])];
}

/** The customer key: one that the stack makes (key.yml), or one that the instance's file names. */
export const keyArn = ({ kmsKey }: Instance): unknown =>
  kmsKey === 'own' ? { 'Fn::GetAtt': ['JobsKey', 'Arn'] } : kmsKey;

type Encrypted = 'sqs' | 'dynamodb' | 's3' | 'sns';

/** Services may use the customer key for their caller, and for resources of the instance only. */
function keyStatements(of: Instance, services: Encrypted[], queues = mainQueues(of)): Statement[] {
  const { name, bucket, prefix } = of;
  const key = keyArn(of);
  if (key === undefined) return [];
  const contexts = {
    sqs: { 'aws:sqs:arn': queues },
    dynamodb: { 'aws:dynamodb:tableName': jobKeys.tableName(name) },
    s3: { 'aws:s3:arn': [arn('s3', bucket), arn('s3', `${bucket}/${prefix}/*`)] },
    sns: { 'aws:sns:topicArn': arn('sns', jobKeys.topicName(name)) },
  };
  const context = services.flatMap((service) => Object.entries(contexts[service]));
  const Condition = {
    StringEquals: viaService(services),
    // Each service sends a context of its own, and no other.
    StringLikeIfExists: Object.fromEntries(context.map(([is, value]) => [`kms:EncryptionContext:${is}`, value])),
  };
  return [allow('Key', ['kms:Decrypt', 'kms:GenerateDataKey'], key, Condition)];
}

const viaService = (services: string[]) => ({
  'kms:ViaService': services.map((service) => ({ 'Fn::Sub': `${service}.\${AWS::Region}.\${AWS::URLSuffix}` })),
});

type Statement = ReturnType<typeof allow>;

function allow(Sid: string, Action: string[], Resource: unknown, Condition?: Record<string, object>) {
  return { Sid, Effect: 'Allow', Action, Resource, ...(Condition && { Condition }) };
}

const table = ({ name }: Instance, part = '') => arn('dynamodb', `table/${jobKeys.tableName(name)}${part}`);

const allowItems = (of: Instance, Sid: string, actions: string[], keys: string[]): Statement =>
  allow(Sid, actions, table(of), {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
    // ForAllValues is also true for a request without keys.
    Null: { 'dynamodb:LeadingKeys': 'false' },
  });

const objectArns = ({ bucket }: Instance, keys: string[]) => keys.map((key) => arn('s3', `${bucket}/${key}`));

const allowObjects = (of: Instance, Sid: string, actions: string[], keys: string[]): Statement =>
  allow(Sid, actions, objectArns(of, keys));

/** Without ListBucket, S3 answers 403 for a missing key. S3 compares a GetObject's key with `s3:prefix` for this. */
const listBucket = ({ bucket }: Instance, prefixes: string[]): Statement =>
  allow('MissingIsNotForbidden', ['s3:ListBucket'], arn('s3', bucket), { StringLike: { 's3:prefix': prefixes } });

/** The ARNs of secrets that are stored as `ssm:/path` or `secretsmanager:name`. Any other value needs no permission. */
export function secretArns(references: string[]): unknown[] {
  const namesIn = (scheme: string) => [
    ...new Set(
      references.filter((ref) => ref.startsWith(scheme)).map((ref) => ref.slice(scheme.length).replace(/#.*/, '')),
    ),
  ];
  return [
    ...namesIn('ssm:').map((path) => arn('ssm', `parameter${path}`)),
    // Secrets Manager appends a hyphen and six random characters to a secret's ARN.
    ...namesIn('secretsmanager:').map((name) => arn('secretsmanager', `secret:${name}-??????`)),
  ];
}
