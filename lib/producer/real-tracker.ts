import { realQueues } from '../aws/queues';
import { realClock, realRandom } from '../aws/system';
import { parseEnv } from '../config';
import { queueName, queueUrl } from '../jobs/keys';
import { realLog } from '../log';
import { settingsOf } from '../worker/real-deps';
import type { PackingLimits } from './packer';
import { producerEnv } from './real-producer';
import { createTracker, type Tracker } from './tracker';

/** The tracker of analytics events on AWS, from the producer's environment. One per process, closed before it ends. */
export function realTracker(
  limits: Partial<PackingLimits> = {},
  env: Record<string, string | undefined> = process.env,
): Tracker {
  const config = parseEnv(producerEnv, env);
  const settings = settingsOf(config);
  return createTracker(
    {
      queues: realQueues(),
      clock: realClock,
      random: realRandom,
      log: realLog({ service: 'producer', level: config.LOG_LEVEL }),
      source: `/${config.INSTANCE}/api`,
      settings,
      queueUrl: (queue) =>
        queueUrl(config.AWS_REGION, config.AWS_ACCOUNT_ID, queueName(config.INSTANCE, queue, settings(queue).type)),
    },
    limits,
  );
}
