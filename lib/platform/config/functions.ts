import * as z from 'zod';
import { ConfigError, json, name, producerSettings, sentTo } from './common';

/** Such as `a,b`. */
export const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((entry) => entry.trim() || []));

/** A secret, or a reference to it: `ssm:/path` or `secretsmanager:name`. `realSecret` reads it. */
export const secret = z.string().min(1).brand<'Secret'>();
export type SecretReference = z.infer<typeof secret>;

export const seconds = z.coerce.number().min(0).max(43_200);

const queueSettings = z.object({
  ...sentTo,
  /** Seconds. */
  dlqRetention: z.int().min(60).max(1_209_600),
  visibility: z.int().min(0).max(43_200),
  receives: z.int().min(1).max(1000),
  /** How many messages the reconciler lets the queue have when it releases held jobs. */
  room: z.int().min(1),
});
export type QueueSettings = z.infer<typeof queueSettings>;

export const sendingLimits = z.object({
  zone: z.string(),
  /** Two times of day, such as `08:00–20:00`. */
  between: z.string().optional(),
  dailyCap: z.number().optional(),
});
export type SendingLimits = z.infer<typeof sendingLimits>;

export const commonEnv = z.object({
  INSTANCE: name,
  BUCKET: producerSettings.shape.bucket,
  PREFIX: producerSettings.shape.prefix,
  TABLE: producerSettings.shape.table,
  KMS_KEY: producerSettings.shape.kmsKey,
  QUEUES: json(z.record(name, queueSettings)),
  /** The name or ARN of the EventBridge bus that gets the ends of jobs. Without it, they are not published. */
  EVENT_BUS: z.string().max(1600).optional(),
  SENDING_LIMITS: json(sendingLimits).optional(),
  /** Seconds before the second and the third attempt, each ±10 %. */
  RETRY_WAITS: z
    .string()
    .regex(/^\d+(\.\d+)?,\d+(\.\d+)?$/, 'must be two numbers of seconds, e.g. 60,900')
    .default('60,900')
    .transform((text) => text.split(',').map(Number)),
  /** Seconds until a message comes back if nothing could be written. */
  STORE_WAIT: seconds.default(900),
  LOG_LEVEL: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']).default('INFO'),
});

export type CommonConfig = z.infer<typeof commonEnv>;

export function settingsOf({ QUEUES }: Pick<CommonConfig, 'QUEUES'>): (queue: string) => QueueSettings {
  return (queue) => {
    const row = QUEUES[queue];
    if (!row) throw new ConfigError(`configuration: QUEUES: has no queue ${queue}`);
    return row;
  };
}

/** Such as `price=number,product=text`. */
export const pairs = list.transform((entries) => entries.map((entry) => entry.split('=')));

export const alarmsEnv = commonEnv.extend({
  /** A Discord channel's webhook URL. Anyone who has the URL can post. Without it, only other subscribers get alarms. */
  DISCORD_WEBHOOK_URL: secret.optional(),
  STAGE: name,
  /** Address of docs/runbook.md, for the links in messages. */
  RUNBOOK: z.url().optional(),
});
