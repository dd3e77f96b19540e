import { keyAlias, tableName } from '../../lib/engine/jobs/keys';
import type { ProducerSettings } from '../../lib/platform/config/common';
import { emailsEnv } from '../../lib/queues/emails/config';
import { EMAILS_QUEUE } from '../../lib/queues/emails/queue';
import { environmentSchemas } from '../../lib/queues/environments';
import { MAIL_STEPS } from '../../lib/queues/queues';
import type { InstanceFile, QueueRow } from './file';

/** One client or environment: the settings of its file over those of its profile and the defaults. */
export interface Instance extends Omit<InstanceFile, 'queues'> {
  name: string;
  file: string;
  rows: QueueRow[];
  /** The rows of all queues, in use or not. */
  known: Record<string, QueueRow>;
}

/** The functions of an instance. The event webhook needs a queue that sends mail; the hours need analytics. */
export function functionsOf({ rows, known }: { rows: { name: string }[]; known: object }): string[] {
  const uses = (queue: string) => rows.some(({ name }) => name === queue);
  return Object.keys(environmentSchemas).filter((key) => {
    if (key in known) return uses(key);
    return key === 'emailEvents' ? Object.keys(MAIL_STEPS).some(uses) : key !== 'hours' || uses('analytics');
  });
}

export const stackName = ({ name, stage }: Pick<Instance, 'name' | 'stage'>): string => `${name}-jobs-${stage}`;

export const folderOf = ({ bucket, prefix }: Pick<Instance, 'bucket' | 'prefix'>): string => `${bucket}/${prefix}`;

/** What calls of AWS name the customer key by. An alias is known before the stack has made the key. */
export const keyName = ({ name, kmsKey }: Pick<Instance, 'name' | 'kmsKey'>): string | undefined =>
  kmsKey === 'own' ? keyAlias(name) : kmsKey;

export const producerSettingsOf = (of: Instance, account: string): ProducerSettings => ({
  account,
  bucket: of.bucket,
  prefix: of.prefix,
  hashKey: of.hashKey,
  kmsKey: keyName(of),
  table: tableName(of.name),
  emailRate: emailsEnv.shape.EMAIL_RATE.parse(of.sendgrid.rate),
  firstWave: of.sendgrid.guard?.first,
  suppressionKey: of.rows.some(({ name }) => name === EMAILS_QUEUE) ? of.sendgrid.suppressionKey : undefined,
  queues: Object.fromEntries(
    of.rows.map(({ name, type, retention }) => [name, { type, retention, retryDays: of.retention.retry }]),
  ),
});
