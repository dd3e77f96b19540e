import { type CommonConfig, settingsOf } from '../config/common';
import { recordFolder } from '../jobs/keys';
import type { Source } from '../verify/read';

/** What `sls verify` reads, from the configuration of an instance. */
export function verifySource(
  config: CommonConfig,
  clients: Pick<Source, 'dynamodb' | 's3' | 'sqs' | 'zendesk'>,
): Source {
  const { INSTANCE: instance, TABLE: table, BUCKET: bucket, PREFIX: prefix } = config;
  const settings = settingsOf(config);
  const queues = Object.keys(config.QUEUES).map((name) => {
    const { type, retention, dlqRetention } = settings(name);
    return {
      name,
      records: recordFolder(prefix, name).slice(prefix.length + 1),
      fifo: type === 'fifo',
      retentionMs: retention * 1000,
      dlqRetentionMs: dlqRetention * 1000,
    };
  });
  return { ...clients, instance, table, bucket, prefix, queues, now: Date.now };
}
