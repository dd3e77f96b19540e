import { z } from 'zod';
import { realObjectReader } from '../aws/object-stream';
import { realObjects } from '../aws/objects';
import { realQueues } from '../aws/queues';
import { realClock, realRandom } from '../aws/system';
import { realTable } from '../aws/table';
import { commonEnv, parseEnv, sendgridEnv, settingsOf } from '../config';
import { queueName, queueUrl } from '../jobs/keys';
import { realLog } from '../log';
import { createProducer, type Producer } from './producer';

/** The environment of the API's process, in addition to what the AWS SDK reads on its own. */
export const producerEnv = z.object({
  ...commonEnv.pick({ INSTANCE: true, BUCKET: true, PREFIX: true, TABLE: true, QUEUES: true, LOG_LEVEL: true }).shape,
  ...sendgridEnv.pick({ EMAIL_RATE: true }).shape,
  AWS_REGION: z.string().min(1),
  /** The account of the queues. */
  AWS_ACCOUNT_ID: z.string().regex(/^\d{12}$/, 'must be 12 digits'),
});

type ProducerConfig = z.infer<typeof producerEnv>;

/** The producer on AWS, configured from the environment. Throws a ConfigError that names all wrong variables. */
export function realProducer(env: Record<string, string | undefined> = process.env): Producer {
  const config = parseEnv(producerEnv, env);
  return createProducer({
    ...sendingDeps(config),
    table: realTable({ table: config.TABLE }),
    objects: realObjects({ bucket: config.BUCKET }),
    readObject: realObjectReader({ bucket: config.BUCKET }),
    emailRate: config.EMAIL_RATE,
    prefix: config.PREFIX,
  });
}

/** What the producer and the tracker need to send messages. */
export function sendingDeps(config: ProducerConfig) {
  const settings = settingsOf(config);
  return {
    queues: realQueues(),
    clock: realClock,
    random: realRandom,
    log: realLog({ service: 'producer', level: config.LOG_LEVEL }),
    source: `/${config.INSTANCE}/api`,
    settings,
    queueUrl: (queue: string) =>
      queueUrl(config.AWS_REGION, config.AWS_ACCOUNT_ID, queueName(config.INSTANCE, queue, settings(queue).type)),
  };
}
