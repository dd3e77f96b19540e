import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { emailsEnv } from '../../lib/config/functions';
import type { ProducerSettings } from '../../lib/config/producer';
import { tableName } from '../../lib/jobs/keys';
import type { Instance } from './instance';

export const stackName = ({ name, stage }: Pick<Instance, 'name' | 'stage'>): string => `${name}-jobs-${stage}`;

export const folderOf = ({ bucket, prefix }: Pick<Instance, 'bucket' | 'prefix'>): string => `${bucket}/${prefix}`;

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
export const producerSettingsOf = (
  { name, bucket, prefix, hashKey, rows, settings: { sendgrid } }: Instance,
  account: string,
): ProducerSettings => ({
  ...{ account, bucket, prefix, hashKey },
  table: tableName(name),
  emailRate: emailsEnv.shape.EMAIL_RATE.parse(sendgrid?.rate),
  queues: Object.fromEntries(rows.map(({ name: queue, type, retention }) => [queue, { type, retention }])),
});
