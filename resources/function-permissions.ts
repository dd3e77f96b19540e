import { dataPrefix as analyticsPrefix, compactedPrefix, damagedPrefix, manifestPrefix } from '../lib/analytics/keys';
import { secretsOf } from '../lib/config/functions';
import type { QueueRow } from '../lib/instances/queue-row';
import {
  bodyKey,
  CAMPAIGN_QUEUE,
  compactionKey,
  dataPrefix,
  dlqName,
  eventsFolder,
  evidenceKey,
  factsKey,
  jobKey,
  outagesKey,
  ownerKey,
  pauseKey,
  queueName,
  reconcilerKey,
  recordFolder,
  topicName,
  undeliveredName,
} from '../lib/jobs/keys';
import { MAIL_QUEUES, MAIL_STEPS, type MailQueue } from '../lib/jobs/mail';
import { uploadedFiles } from './access-statements';
import type { Context } from './context';
import { publishStatements } from './event-bus';
import {
  allow,
  allowItems,
  allowObjects,
  listBucket,
  type Secrets,
  type Statement,
  secretStatements,
  table,
} from './statements';
import { arn } from './template';
import { workerPermissions } from './worker-permissions';

/** The statements of each function's role. `values`: the variables of the instance, and its `secretsKey`. */
export function functionPermissions(
  { rows, context }: { rows: QueueRow[]; context: Context },
  values: Record<string, string>,
): Record<string, Statement[]> {
  const { secretsKey = '' } = values;
  const needed = (key: string): Secrets => ({ secrets: secretsOf(key).map((name) => values[name] ?? ''), secretsKey });
  const workers = rows.map((row) => [row.name, workerPermissions(row, context, needed(row.name))] as const);
  return {
    reconciler: reconcilerPermissions(rows, context),
    alarms: alarmsPermissions(context, needed('alarms')),
    emailEvents: emailEventsPermissions(rows, context),
    compaction: compactionPermissions(context),
    ...Object.fromEntries(workers),
  };
}

function reconcilerPermissions(rows: QueueRow[], context: Context): Statement[] {
  const { instance, prefix } = context;
  const queues = rows.map(({ name, type }) => arn('sqs', queueName(instance, name, type)));
  const dlqs = rows.map(({ name, type }) => arn('sqs', dlqName(instance, name, type)));
  const bodies = rows.map(({ name }) => bodyKey(prefix, name, '*'));
  const own = [...rows.map(({ name }) => `${recordFolder(prefix, name)}/*`), ...bodies];
  const lists = rows.some(({ name }) => name === CAMPAIGN_QUEUE) ? [`${dataPrefix(prefix, CAMPAIGN_QUEUE)}*`] : [];
  const files = uploadedFiles(
    rows.map(({ name }) => name),
    context,
  );
  return [
    allow('Tell', ['sns:Publish'], arn('sns', topicName(instance))),
    allow('Release', ['sqs:SendMessage', 'sqs:GetQueueAttributes'], queues),
    allow(
      'Judge',
      ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes', 'SendMessage'].map(
        (action) => `sqs:${action}`,
      ),
      dlqs,
    ),
    allow('Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem'], table(context)),
    allowItems(context, 'FoldEvidence', ['dynamodb:DeleteItem'], evidenceOf(mailQueues(rows))),
    allow('Indexes', ['dynamodb:Query'], table(context, '/index/*')),
    allowObjects(context, 'RecordsAndBodies', ['s3:GetObject', 's3:PutObject'], own),
    allowObjects(context, 'DropBodies', ['s3:DeleteObject'], [...bodies, ...lists, ...files]),
    ...publishStatements(context),
    listBucket(context, [...own, ...lists]),
  ];
}

function compactionPermissions(context: Context): Statement[] {
  const [own, merged, manifests, damaged] = [analyticsPrefix, compactedPrefix, manifestPrefix, damagedPrefix].map(
    (folder) => `${folder(context.prefix)}*`,
  ) as [string, string, string, string];
  return [
    allowObjects(context, 'Read', ['s3:GetObject'], [own, merged, manifests]),
    allowObjects(context, 'Merge', ['s3:PutObject'], [merged, manifests, damaged]),
    allowObjects(context, 'DeleteMerged', ['s3:DeleteObject'], [own, merged]),
    allowObjects(context, 'Owner', ['s3:GetObject'], [ownerKey(context.prefix)]),
    listBucket(context, [own, merged, manifests, ownerKey(context.prefix)]),
    allowItems(context, 'OneRunAtATime', ['dynamodb:GetItem', 'dynamodb:PutItem'], [compactionKey]),
  ];
}

/**
 * The webhook stores SendGrid's events, and evidence that they came as items of its own. It faces the internet, so it
 * reads rows and writes none.
 */
function emailEventsPermissions(rows: QueueRow[], context: Context): Statement[] {
  const queues = mailQueues(rows);
  const evidence = evidenceOf(queues);
  const jobs = queues.map((queue) => jobKey(queue, '*'));
  const events = queues.map((queue) => `${eventsFolder(context.prefix, queue)}/*`);
  return [
    allowItems(context, 'Look', ['dynamodb:GetItem'], [...jobs, ...evidence]),
    allowItems(context, 'Witness', ['dynamodb:PutItem'], evidence),
    allowObjects(context, 'Keep', ['s3:PutObject'], events),
  ];
}

const mailQueues = (rows: QueueRow[]): MailQueue[] =>
  MAIL_QUEUES.filter((queue) => rows.some(({ name }) => name === queue));
const evidenceOf = (queues: MailQueue[]): string[] => queues.map((queue) => evidenceKey(queue, MAIL_STEPS[queue], '*'));

/**
 * The alarms function reads what is behind an alarm and whether a queue is paused, and notes which alarms belong to one
 * outage. It stores alarms that it cannot send.
 */
const alarmsPermissions = (context: Context, secrets: Secrets): Statement[] => [
  allow('KeepUndelivered', ['sqs:SendMessage'], arn('sqs', undeliveredName(context.instance))),
  allowItems(context, 'WhatIsBehind', ['dynamodb:GetItem'], [factsKey, reconcilerKey, pauseKey('*')]),
  allowItems(context, 'Outages', ['dynamodb:GetItem', 'dynamodb:PutItem'], [outagesKey]),
  ...secretStatements(secrets),
];
