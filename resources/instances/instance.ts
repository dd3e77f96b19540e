import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ProducerSettings } from '../../lib/config/common';
import { emailsEnv, environmentSchemas } from '../../lib/config/functions';
import { keyAlias, tableName } from '../../lib/jobs/keys';
import { MAIL_QUEUES } from '../../lib/worker/mail';
import type { InstanceFile, QueueRow, Stage } from './file';

/** One client or environment, complete: the file, its profile and the defaults. */
export interface Instance {
  name: string;
  file: string;
  stage: Stage;
  /** Undefined only in the local stage. */
  account: string | undefined;
  region: string;
  bucket: string;
  prefix: string;
  /** Where the key of the hashes of people is stored, `ssm:/path`. The local stage has the key itself. */
  hashKey: string;
  retain: boolean;
  tags: Record<string, string>;
  /** The queues in use. */
  rows: QueueRow[];
  /** The rows of all queues that the profile knows, in use or not. */
  known: Record<string, QueueRow>;
  settings: InstanceFile;
}

/** Whether an instance has a function. The event webhook needs a queue that sends mail; the hours need analytics. */
export function hasFunction({ rows, known }: Instance, key: string): boolean {
  const uses = (queue: string) => rows.some(({ name }) => name === queue);
  if (key in known) return uses(key);
  if (key === 'emailEvents') return MAIL_QUEUES.some(uses);
  if (key === 'hours') return uses('analytics');
  return true;
}

export const functionsOf = (instance: Instance): string[] =>
  Object.keys(environmentSchemas).filter((key) => hasFunction(instance, key));

export const stackName = ({ name, stage }: Pick<Instance, 'name' | 'stage'>): string => `${name}-jobs-${stage}`;

export const folderOf = ({ bucket, prefix }: Pick<Instance, 'bucket' | 'prefix'>): string => `${bucket}/${prefix}`;

/** What calls of AWS name the customer key by. An alias is known before the stack has made the key. */
export const keyName = ({ name, settings: { kmsKey } }: Pick<Instance, 'name' | 'settings'>): string | undefined =>
  kmsKey === 'own' ? keyAlias(name) : kmsKey;

/** The stack's outputs. Never rename one: `sls instances` and the checks read those of the last deployment. */
export const deployedBy = (instance: Instance) => ({
  Version: (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version,
  SettingsHash: settingsHash(instance),
  Folder: folderOf(instance),
});

/** The same settings have the same hash, in whatever order a file names them. */
export function settingsHash(instance: Instance): string {
  const { settings, rows, tags } = instance;
  const text = JSON.stringify({ settings, rows, tags }, sorted);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const sorted = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** The settings of an instance's producers. They hold names and no secret. */
export const producerSettingsOf = (of: Instance, account: string): ProducerSettings => ({
  ...{ account, bucket: of.bucket, prefix: of.prefix, hashKey: of.hashKey, kmsKey: keyName(of) },
  table: tableName(of.name),
  emailRate: emailsEnv.shape.EMAIL_RATE.parse(of.settings.sendgrid?.rate),
  queues: Object.fromEntries(
    of.rows.map(({ name, type, retention }) => [name, { type, retention, retryDays: of.settings.retention?.retry }]),
  ),
});
