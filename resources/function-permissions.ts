import { SERVICE_FUNCTIONS } from '../lib/alarms/kinds';
import { compactedPrefix, dataPrefix, manifestPrefix } from '../lib/analytics/keys';
import {
  bodyKey,
  compactionKey,
  dlqKey,
  dlqName,
  eventsFolder,
  jobKey,
  queueName,
  reconcilerKey,
  recordFolder,
} from '../lib/jobs/keys';
import { MAIL_QUEUES } from '../lib/jobs/mail';
import type { Context } from './context';
import type { QueueRow } from './queue-table';
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
import { undeliveredQueueName } from './topic';
import { WORKERS, workerPermissions } from './worker-permissions';

const DISCORD_SECRET = 'discordWebhookUrl';

export const FUNCTION_NAMES = [...Object.keys(WORKERS), ...SERVICE_FUNCTIONS];

/** Parameters of the stage that the permissions depend on. */
export const PERMISSION_PARAMS = [
  'secretsKey',
  DISCORD_SECRET,
  ...Object.values(WORKERS).flatMap((needs) => needs.secrets),
];

/** The statements of each function's role. `params`: the values of PERMISSION_PARAMS. */
export function functionPermissions(
  { rows, context }: { rows: QueueRow[]; context: Context },
  params: Record<string, string>,
): Record<string, Statement[]> {
  const { secretsKey = '' } = params;
  const needed = (names: string[]): Secrets => ({ secrets: names.map((name) => params[name] ?? ''), secretsKey });
  const workers = rows.flatMap((row) => {
    const needs = WORKERS[row.name];
    return needs ? [[row.name, workerPermissions(row, context, { ...needs, ...needed(needs.secrets) })] as const] : [];
  });
  return {
    reconciler: reconcilerPermissions(rows, context),
    emailEvents: emailEventsPermissions(context),
    compaction: compactionPermissions(context),
    alarms: alarmsPermissions(context, needed([DISCORD_SECRET])),
    ...Object.fromEntries(workers),
  };
}

function reconcilerPermissions(rows: QueueRow[], context: Context): Statement[] {
  const { instance, prefix } = context;
  const queues = rows.map(({ name, type }) => arn('sqs', queueName(instance, name, type)));
  const dlqs = rows.map(({ name, type }) => arn('sqs', dlqName(instance, name, type)));
  const own = rows.flatMap(({ name }) => [`${recordFolder(prefix, name)}/*`, bodyKey(prefix, name, '*')]);
  return [
    allow('Release', ['sqs:SendMessage', 'sqs:GetQueueAttributes'], queues),
    allow(
      'Judge',
      ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes', 'SendMessage'].map(
        (action) => `sqs:${action}`,
      ),
      dlqs,
    ),
    allow('Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], table(context)),
    allow('Indexes', ['dynamodb:Query'], table(context, '/index/*')),
    allowObjects(context, 'RecordsAndBodies', ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], own),
    listBucket(context, own),
  ];
}

function compactionPermissions(context: Context): Statement[] {
  const [own, merged, manifests] = [dataPrefix, compactedPrefix, manifestPrefix].map(
    (folder) => `${folder(context.prefix)}*`,
  ) as [string, string, string];
  return [
    allowObjects(context, 'Read', ['s3:GetObject'], [own, merged, manifests]),
    allowObjects(context, 'Merge', ['s3:PutObject'], [merged, manifests]),
    allowObjects(context, 'DeleteMerged', ['s3:DeleteObject'], [own, merged]),
    listBucket(context, [own, merged, manifests]),
    allowItems(context, 'OneRunAtATime', ['dynamodb:GetItem', 'dynamodb:PutItem'], [compactionKey]),
  ];
}

/** The webhook stores SendGrid's events, and notes on a job's row that they came. */
function emailEventsPermissions(context: Context): Statement[] {
  const rows = MAIL_QUEUES.map((queue) => jobKey(queue, '*'));
  const events = MAIL_QUEUES.map((queue) => `${eventsFolder(context.prefix, queue)}/*`);
  return [
    allowItems(context, 'Witness', ['dynamodb:GetItem', 'dynamodb:PutItem'], rows),
    allowObjects(context, 'Keep', ['s3:PutObject'], events),
  ];
}

/** The alarms function reads why a DLQ is empty and what fails in the reconciler. It stores alarms that it cannot send. */
const alarmsPermissions = (context: Context, secrets: Secrets): Statement[] => [
  allow('KeepUndelivered', ['sqs:SendMessage'], arn('sqs', undeliveredQueueName(context.instance))),
  allowItems(context, 'WhatLeftTheDlq', ['dynamodb:GetItem'], [dlqKey('*'), reconcilerKey]),
  ...secretStatements(secrets),
];
