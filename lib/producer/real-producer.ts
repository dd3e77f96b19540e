import { z } from 'zod';
import { realObjectReader } from '../aws/object-stream';
import { realObjects } from '../aws/objects';
import { realQueues } from '../aws/queues';
import { realClock, realRandom } from '../aws/system';
import { realTable } from '../aws/table';
import { commonEnv, parseEnv, sendgridEnv } from '../config';
import { queueName, queueUrl } from '../jobs/keys';
import { realLog } from '../log';
import { settingsOf } from '../worker/real-deps';
import { createProducer, type Producer } from './producer';

/** What the API's process must have in its environment, beside what the AWS SDK reads itself. */
export const producerEnv = z.object({
  ...commonEnv.pick({ INSTANCE: true, BUCKET: true, PREFIX: true, TABLE: true, QUEUES: true, LOG_LEVEL: true }).shape,
  ...sendgridEnv.pick({ EMAIL_RATE: true }).shape,
  AWS_REGION: z.string().min(1),
  /** Whose queues they are. */
  AWS_ACCOUNT_ID: z.string().regex(/^\d{12}$/, 'must be 12 digits'),
});

/** The producer on AWS, configured from the environment. Throws a ConfigError that names every variable at fault. */
export function realProducer(env: Record<string, string | undefined> = process.env): Producer {
  const config = parseEnv(producerEnv, env);
  const settings = settingsOf(config);
  return createProducer({
    table: realTable({ table: config.TABLE }),
    queues: realQueues(),
    objects: realObjects({ bucket: config.BUCKET }),
    readObject: realObjectReader({ bucket: config.BUCKET }),
    emailRate: config.EMAIL_RATE,
    clock: realClock,
    random: realRandom,
    log: realLog({ service: 'producer', level: config.LOG_LEVEL }),
    prefix: config.PREFIX,
    source: `/${config.INSTANCE}/api`,
    settings,
    queueUrl: (queue) =>
      queueUrl(config.AWS_REGION, config.AWS_ACCOUNT_ID, queueName(config.INSTANCE, queue, settings(queue).type)),
  });
}
