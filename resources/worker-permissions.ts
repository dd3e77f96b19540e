import { dataPrefix as analyticsPrefix, manifestPrefix, rejectedPrefix } from '../lib/analytics/keys';
import { vendorsOf } from '../lib/errors';
import type { QueueRow } from '../lib/instances/queue-row';
import {
  attachmentsPrefix,
  bodyKey,
  CAMPAIGN_QUEUE,
  campaignKey,
  dataPrefix,
  dlqName,
  isPublished,
  jobKey,
  queueName,
  rateKey,
  recipientsFolder,
  recordFolder,
  subjectKey,
  trialKey,
  vendorKey,
} from '../lib/jobs/keys';
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
} from './statements';
import { arn } from './template';

/** What a worker needs in addition to its queue, its rows, its part of the bucket, its vendors and its secrets. */
interface WorkerNeeds {
  /** Keys of other shared items. */
  items?: string[];
  /** Keys of other objects: those that it writes and those that it reads. `*` is a wildcard. */
  objects?: (prefix: string) => { written: string[]; read: string[] };
}

/** A queue without an entry needs nothing more. */
const WORKERS: Record<string, WorkerNeeds> = {
  feedback: {
    items: [rateKey('sendgrid'), subjectKey('feedback', '*')],
    objects: (prefix) => ({ written: [], read: [`${attachmentsPrefix(prefix, 'feedback')}*`] }),
  },
  emails: {
    items: [rateKey('sendgrid'), campaignKey('*')],
    objects: (prefix) => ({ written: [`${recipientsFolder(prefix, CAMPAIGN_QUEUE)}/*`], read: [] }),
  },
  testflight: {
    items: [rateKey('sendgrid'), subjectKey('testflight', '*')],
  },
  analytics: {
    objects: (prefix) => ({
      written: [`${analyticsPrefix(prefix)}*`, `${rejectedPrefix(prefix)}*`],
      read: [`${analyticsPrefix(prefix)}*`, `${rejectedPrefix(prefix)}*`, `${manifestPrefix(prefix)}*`],
    }),
  },
};

/**
 * Permissions of a queue's worker. serverless-iam-roles-per-function adds those of the event source mapping: receive,
 * delete, attributes.
 */
export function workerPermissions({ name, type }: QueueRow, context: Context, secrets: Secrets): Statement[] {
  const { instance, prefix } = context;
  const { items = [], objects } = WORKERS[name] ?? {};
  const { written, read } = objects?.(prefix) ?? { written: [], read: [] };
  const bodies = bodyKey(prefix, name, '*');
  const own = [`${recordFolder(prefix, name)}/*`, bodies];
  const given = [`${dataPrefix(prefix, name)}*`];
  const trials = trialKey(name, '*');
  const keys = [jobKey(name, '*'), trials, ...vendorsOf([name]).map(vendorKey), ...items];
  return [
    allow('Retry', ['sqs:ChangeMessageVisibility'], arn('sqs', queueName(instance, name, type))),
    allow('Park', ['sqs:SendMessage'], arn('sqs', dlqName(instance, name, type))),
    allowItems(context, 'Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem'], keys),
    allowItems(context, 'Claim', ['dynamodb:UpdateItem'], [jobKey(name, '*')]),
    allowItems(context, 'ForgetTrials', ['dynamodb:DeleteItem'], [trials]),
    allowObjects(context, 'RecordsAndBodies', ['s3:GetObject', 's3:PutObject'], own),
    allowObjects(context, 'DropBodies', ['s3:DeleteObject'], [bodies]),
    allowObjects(context, 'LargeData', ['s3:GetObject'], given),
    ...(written.length > 0 ? [allowObjects(context, 'WriteData', ['s3:PutObject'], written)] : []),
    ...(read.length > 0 ? [allowObjects(context, 'ReadData', ['s3:GetObject'], read)] : []),
    listBucket(context, [...own, ...given, ...read]),
    ...(isPublished(name) ? publishStatements(context) : []),
    ...secretStatements(secrets),
  ];
}
