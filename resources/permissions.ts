import { dataPrefix as analyticsPrefix, compactedPrefix, manifestPrefix } from '../lib/analytics/keys';
import {
  attachmentsPrefix,
  bodyKey,
  compactionKey,
  dataPrefix,
  dlqKey,
  dlqName,
  eventsFolder,
  jobKey,
  orderKey,
  queueName,
  reconcilerKey,
  recordFolder,
  ticketKey,
  ticketsKey,
  trialKey,
  vendorKey,
} from '../lib/jobs/keys';
import { MAIL_QUEUES } from '../lib/jobs/mail';
import { arn, type Context } from './context';
import { jobsTableName } from './jobs-table';
import type { QueueRow } from './queue-table';
import { undeliveredQueueName } from './topic';

export interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, unknown>>;
}

/** What a worker needs beside its queue, its rows and its part of the bucket. */
export interface WorkerNeeds {
  /** Vendors whose circuits it reads, opens and closes. */
  vendors: string[];
  /** Keys of other shared items. */
  items?: string[];
  /** References to its secrets: `ssm:/path` or `secretsmanager:name`. Anything else needs no permission. */
  secrets: string[];
  /** ARN of the customer key that the secrets are encrypted with; empty: AWS's own, which needs no permission. */
  secretsKey: string;
  /** Data beside the jobs' own, by the prefix of everything: what it writes and what it only reads. */
  data?: (prefix: string) => { written: string[]; read: string[] };
}

const table = (context: Context) => arn('dynamodb', `table/${jobsTableName(context.instance)}`);
const object = ({ bucket }: Context, key: string) => arn('s3', `${bucket}/${key}`);

/**
 * Permissions of the function that works on a queue. Those of its event source mapping (receive, delete, attributes)
 * are added by serverless-iam-roles-per-function.
 */
export function workerPermissions(row: QueueRow, context: Context, needs: WorkerNeeds): Statement[] {
  const { name, type } = row;
  const { instance, prefix } = context;
  const own = [`${recordFolder(prefix, name)}/*`, bodyKey(prefix, name, '*')];
  const { written = [], read = [] } = needs.data?.(prefix) ?? {};
  const given = [`${attachmentsPrefix(prefix, name)}*`, `${dataPrefix(prefix, name)}*`];
  const keys = [
    jobKey(name, '*'),
    trialKey(name, '*'),
    ...needs.vendors.map(vendorKey),
    ...(needs.items ?? []),
    ...(row.ordered ? [orderKey(name, '*'), ticketsKey(name, '*'), ticketKey(name, '*', '*')] : []),
  ];
  return [
    allow('Retry', ['sqs:ChangeMessageVisibility'], arn('sqs', queueName(instance, name, type))),
    allow('Park', ['sqs:SendMessage'], arn('sqs', dlqName(instance, name, type))),
    {
      ...allow('Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], table(context)),
      // ForAllValues alone is also true of a request without keys.
      Condition: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    },
    allow(
      'RecordsAndBodies',
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      own.map((key) => object(context, key)),
    ),
    allow(
      'DataAndAttachments',
      ['s3:GetObject'],
      given.map((key) => object(context, key)),
    ),
    ...dataStatements(context, { written, read }),
    listBucket(context, [...own, ...given, ...[...written, ...read].map((folder) => `${folder}*`)]),
    ...secretStatements(needs),
  ];
}

/** Permissions of the function that looks after every queue's jobs when no worker runs. */
export function reconcilerPermissions(rows: QueueRow[], context: Context): Statement[] {
  const { instance, prefix } = context;
  const queues = rows.map(({ name, type }) => arn('sqs', queueName(instance, name, type)));
  const dlqs = rows.map(({ name, type }) => arn('sqs', dlqName(instance, name, type)));
  const own = rows.flatMap(({ name }) => [`${recordFolder(prefix, name)}/*`, bodyKey(prefix, name, '*')]);
  return [
    allow('Release', ['sqs:SendMessage', 'sqs:GetQueueAttributes'], queues),
    allow(
      'Judge',
      ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility', 'GetQueueAttributes', 'SendMessage'].map(sqs),
      dlqs,
    ),
    allow('Ledger', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem'], table(context)),
    allow('Indexes', ['dynamodb:Query'], arn('dynamodb', `table/${jobsTableName(instance)}/index/*`)),
    allow(
      'RecordsAndBodies',
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      own.map((key) => object(context, key)),
    ),
    listBucket(context, own),
  ];
}

/** Permissions of the function that merges small analytics objects, one run at a time. */
export function compactionPermissions(context: Context): Statement[] {
  const { prefix } = context;
  const [own, merged, manifests] = [analyticsPrefix, compactedPrefix, manifestPrefix].map(
    (folder) => `${folder(prefix)}*`,
  ) as [string, string, string];
  const on = (keys: string[]) => keys.map((key) => object(context, key));
  return [
    allow('Read', ['s3:GetObject'], on([own, manifests])),
    allow('Merge', ['s3:PutObject'], on([merged, manifests])),
    allow('DeleteMerged', ['s3:DeleteObject'], on([own, merged])),
    listBucket(context, [own, merged, manifests]),
    {
      ...allow('OneRunAtATime', ['dynamodb:GetItem', 'dynamodb:PutItem'], table(context)),
      Condition: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [compactionKey] },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    },
  ];
}

/** Permissions of the webhook for the vendor's events: to keep them, and to note on a job's row that they came. */
export function emailEventsPermissions(context: Context): Statement[] {
  return [
    {
      ...allow('Witness', ['dynamodb:GetItem', 'dynamodb:PutItem'], table(context)),
      Condition: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': MAIL_QUEUES.map((queue) => jobKey(queue, '*')) },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    },
    allow(
      'Keep',
      ['s3:PutObject'],
      MAIL_QUEUES.map((queue) => object(context, `${eventsFolder(context.prefix, queue)}/*`)),
    ),
  ];
}

/** Permissions of the function that sends alarms on: to read the reasons of some, and to keep what it cannot send. */
export function alarmsPermissions(context: Context, needs: Pick<WorkerNeeds, 'secrets' | 'secretsKey'>): Statement[] {
  return [
    allow('KeepUndelivered', ['sqs:SendMessage'], arn('sqs', undeliveredQueueName(context.instance))),
    {
      ...allow('WhatLeftTheDlq', ['dynamodb:GetItem'], table(context)),
      Condition: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [dlqKey('*'), reconcilerKey] },
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    },
    ...secretStatements(needs),
  ];
}

function dataStatements(context: Context, { written, read }: { written: string[]; read: string[] }): Statement[] {
  const on = (folders: string[]) => folders.map((folder) => object(context, `${folder}*`));
  return [
    ...(written.length > 0 ? [allow('WriteData', ['s3:GetObject', 's3:PutObject'], on(written))] : []),
    ...(read.length > 0 ? [allow('ReadData', ['s3:GetObject'], on(read))] : []),
  ];
}

const sqs = (action: string): string => `sqs:${action}`;

const allow = (Sid: string, Action: string[], Resource: unknown): Statement => ({
  Sid,
  Effect: 'Allow',
  Action,
  Resource,
});

/** Without it S3 answers 403 where a key is missing. S3 compares a GetObject's key with `s3:prefix` for that. */
const listBucket = (context: Context, prefixes: string[]): Statement => ({
  ...allow('MissingIsNotForbidden', ['s3:ListBucket'], arn('s3', context.bucket)),
  Condition: { StringLike: { 's3:prefix': prefixes } },
});

function secretStatements({ secrets, secretsKey }: Pick<WorkerNeeds, 'secrets' | 'secretsKey'>): Statement[] {
  const parameters = named(secrets, 'ssm:').map((path) => arn('ssm', `parameter${path}`));
  // Secrets Manager ends an ARN with six random characters.
  const entries = named(secrets, 'secretsmanager:').map((name) => arn('secretsmanager', `secret:${name}-??????`));
  const services = [...(parameters.length > 0 ? ['ssm'] : []), ...(entries.length > 0 ? ['secretsmanager'] : [])];
  return [
    ...(parameters.length > 0 ? [allow('Parameters', ['ssm:GetParameter'], parameters)] : []),
    ...(entries.length > 0 ? [allow('Secrets', ['secretsmanager:GetSecretValue'], entries)] : []),
    ...(secretsKey && services.length > 0
      ? [
          {
            ...allow('SecretsKey', ['kms:Decrypt'], secretsKey),
            Condition: {
              StringEquals: {
                'kms:ViaService': services.map((service) => ({
                  'Fn::Sub': `${service}.\${AWS::Region}.\${AWS::URLSuffix}`,
                })),
              },
            },
          },
        ]
      : []),
  ];
}

const named = (references: string[], scheme: string): string[] => [
  ...new Set(references.filter((ref) => ref.startsWith(scheme)).map((ref) => ref.slice(scheme.length))),
];
