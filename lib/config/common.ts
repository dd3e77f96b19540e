import * as z from 'zod';
import { ruleInWords } from '../rule-words';
import { jsonOf } from '../text';

/** Our configuration is not valid. The message names every variable and rule, never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the environment by a schema. An empty variable counts as missing. Throws a ConfigError. */
export function parseEnv<T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): T {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const { data, error } = schema.safeParse(given);
  if (!error) return data;
  const problems = error.issues.map((issue) => {
    const variable = issue.path.map(String).join('.');
    return `${variable}: ${issue.path.length === 1 && !env[variable] ? 'is missing' : ruleInWords(issue)}`;
  });
  throw new ConfigError(`configuration: ${problems.join('; ')}`);
}

export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      const value = jsonOf(text);
      if (value === undefined) context.addIssue({ code: 'custom', message: 'must be JSON' });
      return value;
    })
    .pipe(schema);

export const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  );

/** A secret, or a reference to it: `ssm:/path` or `secretsmanager:name`. `realSecret` reads it. */
export const secret = z.string().min(1).brand<'Secret'>();
export type SecretReference = z.infer<typeof secret>;

export const seconds = z.coerce.number().min(0).max(43_200);
export const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');

export const queueSettings = z.object({
  type: z.enum(['fifo', 'standard']),
  /** Seconds. */
  retention: z.number().int().min(60).max(1_209_600),
  dlqRetention: z.number().int().min(60).max(1_209_600),
  /** Days for which the body of a dead or cancelled job is kept for a retry. Default: 44. */
  retryDays: z.number().int().min(1).max(44).optional(),
  visibility: z.number().int().min(0).max(43_200),
  receives: z.number().int().min(1).max(1000),
  /** How many messages the reconciler lets the queue have when it releases held jobs. */
  room: z.number().int().min(1),
});
export type QueueSettings = z.infer<typeof queueSettings>;

const sendingLimits = z.object({
  zone: z.string(),
  /** Two times of day, such as `08:00–20:00`. */
  between: z.string().optional(),
  dailyCap: z.number().optional(),
});
export type SendingLimits = z.infer<typeof sendingLimits>;

export const commonEnv = z.object({
  INSTANCE: name,
  /** The team's existing bucket. All objects go under PREFIX. */
  BUCKET: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be 3 to 63 lowercase letters, digits, dots or hyphens'),
  // Both end up in IAM policies, where a wildcard would grant too much.
  PREFIX: z
    .string()
    .regex(
      /^[A-Za-z0-9!_.'()-]+(\/[A-Za-z0-9!_.'()-]+)*$/,
      "must be parts separated by /, each of letters, digits or !_.'()-, without wildcards",
    ),
  TABLE: z.string().min(3).max(255),
  /** The ARN or alias of the customer key that encrypts objects. Without it, the bucket's own setting decides. */
  KMS_KEY: z.string().max(2048).optional(),
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

/** JSON that the stack writes into the SSM parameter `producerParameter(instance)`. Newer stacks may add fields. */
export const producerSettings = z.object({
  account: z.string().regex(/^\d{12}$/, 'must be 12 digits'),
  bucket: commonEnv.shape.BUCKET,
  prefix: commonEnv.shape.PREFIX,
  table: commonEnv.shape.TABLE,
  kmsKey: commonEnv.shape.KMS_KEY,
  /** Recipients per second. It decides the size of a campaign's chunks. */
  emailRate: z.number().positive().max(10_000),
  /** Where the key of the hashes of people is stored, `ssm:/path`. Only a local instance has the key itself here. */
  hashKey: z.string().min(1),
  queues: z.record(name, queueSettings.pick({ type: true, retention: true, retryDays: true })),
});
export type ProducerSettings = z.infer<typeof producerSettings>;
