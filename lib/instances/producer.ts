import type { ProducerSettings } from '../config/producer';
import { tableName } from '../jobs/keys';
import type { Instance } from './instance';

/** Recipients a second, for an instance without a rate. */
const DEFAULT_RATE = 100;

/** The settings of an instance's producers. They hold names and no secret. */
export const producerSettingsOf = (
  { name, bucket, prefix, hashKey, rows, settings: { sendgrid } }: Instance,
  account: string,
): ProducerSettings => ({
  ...{ account, bucket, prefix, hashKey },
  table: tableName(name),
  emailRate: sendgrid?.rate ?? DEFAULT_RATE,
  queues: Object.fromEntries(rows.map(({ name: queue, type, retention }) => [queue, { type, retention }])),
});
