import { dataPrefix as analyticsPrefix, parquetPrefix, rejectedPrefix } from '../lib/analytics/keys';
import {
  ANALYTICS_QUEUE,
  attachmentsPrefix,
  auditKey,
  bodyKey,
  CAMPAIGN_QUEUE,
  campaignKey,
  dataPrefix,
  dlqName,
  eventBus,
  eventsFolder,
  FEEDBACK_QUEUE,
  fileKey,
  functionName,
  jobKey,
  pauseKey,
  producerParameter,
  queueName,
  recordFolder,
  topicName,
  uploadsPrefix,
} from '../lib/jobs/keys';
import { stackName } from './instances/deployed';
import type { Instance } from './instances/instance';
import { allow, allowItems, allowObjects, listBucket, type Statement, secretArns, table } from './statements';
import { arn, busArn } from './template';

const namesOf = ({ rows }: Instance): string[] => rows.map(({ name }) => name);
const campaigns = (names: string[]): string[] => (names.includes(CAMPAIGN_QUEUE) ? [campaignKey('*')] : []);
export const mainQueues = ({ rows, ...of }: Instance) =>
  rows.map(({ name, type }) => arn('sqs', queueName(of.name, name, type)));
export const deadLetterQueues = ({ rows, ...of }: Instance) =>
  rows.map(({ name, type }) => arn('sqs', dlqName(of.name, name, type)));

/** What the functions of the producer call. Events of analytics are sent only: they have no row and no object. */
export function producerStatements(of: Instance): Statement[] {
  const { prefix } = of;
  const names = namesOf(of);
  const jobs = names.filter((name) => name !== ANALYTICS_QUEUE);
  const uploads = [FEEDBACK_QUEUE, CAMPAIGN_QUEUE].filter((name) => names.includes(name));
  const others = [...campaigns(names), ...uploads.map((name) => fileKey(`${uploadsPrefix(prefix, name)}*`))];
  const attachments = uploads.map((name) => `${attachmentsPrefix(prefix, name)}*`);
  const written = [
    ...jobs.flatMap((name) => [`${dataPrefix(prefix, name)}*`, bodyKey(prefix, name, '*')]),
    ...attachments,
  ];
  // Of an attachment it reads the size only.
  const read = [...attachments, ...(names.includes(CAMPAIGN_QUEUE) ? campaignObjects(prefix) : [])];
  return [
    allow('Settings', ['ssm:GetParameter'], arn('ssm', `parameter${producerParameter(of.name)}`)),
    allow('Send', ['sqs:SendMessage'], mainQueues(of)),
    allowItems(of, 'Look', ['dynamodb:GetItem'], [...names.map((name) => jobKey(name, '*')), ...others]),
    allowItems(of, 'Accept', ['dynamodb:PutItem'], [...jobs.map((name) => jobKey(name, '*')), ...others]),
    ...(written.length > 0 ? [allowObjects(of, 'DataAndUploads', ['s3:PutObject'], written)] : []),
    ...(read.length > 0 ? [allowObjects(of, 'FilesAndReports', ['s3:GetObject'], read), listBucket(of, read)] : []),
    ...hashKeyStatements(of),
  ];
}

const campaignObjects = (prefix: string): string[] => [
  `${recordFolder(prefix, CAMPAIGN_QUEUE)}/*`,
  `${eventsFolder(prefix, CAMPAIGN_QUEUE)}/*`,
];

/** What the commands that only show jobs and campaigns call. They read no body, list or attachment. */
export function readerStatements(of: Instance): Statement[] {
  const { prefix } = of;
  const names = namesOf(of);
  const objects = [
    ...names.map((name) => `${recordFolder(prefix, name)}/*`),
    ...(names.includes(CAMPAIGN_QUEUE) ? [`${eventsFolder(prefix, CAMPAIGN_QUEUE)}/*`] : []),
  ];
  return [
    allowItems(of, 'Look', ['dynamodb:GetItem'], [...names.map((name) => jobKey(name, '*')), ...campaigns(names)]),
    allow('Search', ['dynamodb:Query'], table(of, '/index/*')),
    allowObjects(of, 'Records', ['s3:GetObject'], objects),
    listBucket(of, objects),
    stack(of),
  ];
}

export function operatorStatements(of: Instance): Statement[] {
  const { prefix } = of;
  const names = namesOf(of);
  const bodies = names.map((name) => bodyKey(prefix, name, '*'));
  const records = names.map((name) => `${recordFolder(prefix, name)}/*`);
  const events = names.map((name) => `${eventsFolder(prefix, name)}/*`);
  const written = [...records, ...bodies];
  // `sls verify` looks through them.
  const analytics = names.includes(ANALYTICS_QUEUE)
    ? [analyticsPrefix, parquetPrefix, rejectedPrefix].map((folder) => `${folder(prefix)}*`)
    : [];
  const searched = [...events, ...analytics];
  const allBodies = bodyKey(prefix, '*', '').replace(/\/$/, '');
  return [
    allow('FindAndSend', ['sqs:GetQueueAttributes', 'sqs:SendMessage'], [...mainQueues(of), ...deadLetterQueues(of)]),
    allow(
      'Look',
      ['GetQueueUrl', 'ReceiveMessage', 'ChangeMessageVisibility'].map((action) => `sqs:${action}`),
      deadLetterQueues(of),
    ),
    allow('Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Scan'], table(of)),
    allow('Search', ['dynamodb:Query'], table(of, '/index/*')),
    allowItems(of, 'Resume', ['dynamodb:DeleteItem'], [pauseKey('*')]),
    pause(of),
    // These calls do not know permissions on single resources.
    allow('Watch', ['lambda:ListEventSourceMappings', 'cloudwatch:GetMetricData', 'cloudwatch:DescribeAlarms'], '*'),
    allowObjects(of, 'RecordsAndBodies', ['s3:GetObject', 's3:PutObject'], written),
    allowObjects(of, 'EventsAndData', ['s3:GetObject'], searched),
    audit(of),
    listBucket(of, [...written, ...searched, allBodies]),
    allow('TestAlarms', ['sns:Publish'], arn('sns', topicName(of.name))),
    ...publishStatements(of),
    stack(of),
    ...hashKeyStatements(of),
  ];
}

/** Writes new audit objects only, so that operators cannot rewrite what they have done. */
const audit = (of: Instance): Statement => ({
  ...allowObjects(of, 'Audit', ['s3:PutObject'], [auditKey(of.prefix, '*')]),
  // With the header If-None-Match, S3 refuses to replace an object.
  Condition: { Null: { 's3:if-none-match': 'false' } },
});

/** A producer writes hashes of people, and an operator searches for them. The local stage has no parameter. */
function hashKeyStatements({ hashKey, settings: { secretsKey } }: Instance): Statement[] {
  const parameters = secretArns([hashKey]);
  if (parameters.length === 0) return [];
  const decrypt = {
    ...allow('SecretsKey', ['kms:Decrypt'], secretsKey),
    Condition: { StringEquals: { 'kms:ViaService': [{ 'Fn::Sub': `ssm.\${AWS::Region}.\${AWS::URLSuffix}` }] } },
  };
  return [allow('Parameters', ['ssm:GetParameter'], parameters), ...(secretsKey ? [decrypt] : [])];
}

const pause = ({ rows, ...of }: Instance): Statement => ({
  ...allow('Pause', ['lambda:UpdateEventSourceMapping'], arn('lambda', 'event-source-mapping:*')),
  Condition: {
    ArnLike: {
      'lambda:FunctionArn': rows.map(({ name }) => arn('lambda', `function:${functionName(of.name, name)}`)),
    },
  },
});

const stack = (of: Instance): Statement =>
  allow('Stack', ['cloudformation:DescribeStacks'], arn('cloudformation', `stack/${stackName(of)}/*`));

/** `sls jobs` publishes the ends of jobs that it ends. */
function publishStatements({ name, settings }: Instance): Statement[] {
  const bus = eventBus(name, settings.events?.bus);
  return bus === '' ? [] : [allow('Publish', ['events:PutEvents'], busArn(bus))];
}
