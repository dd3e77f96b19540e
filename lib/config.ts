import * as z from 'zod';
import { ruleInWords } from './rule-words';

/** A queue's settings in the functions. resources/ makes them from the instance's queues. */
const queueSettings = z.object({
  type: z.enum(['fifo', 'standard']),
  /** Seconds. */
  retention: z.number().int().min(60).max(1_209_600),
  dlqRetention: z.number().int().min(60).max(1_209_600),
  visibility: z.number().int().min(0).max(43_200),
  /** maxReceiveCount of the redrive policy. */
  receives: z.number().int().min(1).max(1000),
  /** Whether a job is held while an earlier job of its group is held. */
  ordered: z.boolean(),
});
export type QueueSettings = z.infer<typeof queueSettings>;

const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' });
        return z.NEVER;
      }
    })
    .pipe(schema);

const list = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
  );
/**
 * A secret, or a reference to it: `ssm:/path` or `secretsmanager:name`. The mark of a secret: only a variable with this
 * schema can be read with `realSecret`, gets a permission, and is refused in a template as a plain text.
 */
export const secret = z.string().min(1).brand<'Secret'>();
export type SecretReference = z.infer<typeof secret>;

const seconds = z.coerce.number().min(0).max(43_200);
const name = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, - or _');

/** The variables that every function reads. */
export const commonEnv = z.object({
  INSTANCE: name,
  /** The team's existing bucket. All objects go under PREFIX. */
  BUCKET: z.string().min(3).max(63),
  PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9!_.*'()-]+(\/[A-Za-z0-9!_.*'()-]+)*$/, 'must be a key prefix without / at its ends'),
  TABLE: z.string().min(3).max(255),
  QUEUES: json(z.record(name, queueSettings)),
  /** The name or ARN of the EventBridge bus that gets the ends of jobs. Without it, they are not published. */
  EVENT_BUS: z.string().max(1600).optional(),
  /** Seconds before the second and the third attempt, each ±10 %. */
  RETRY_WAITS: z
    .string()
    .regex(/^\d+(\.\d+)?,\d+(\.\d+)?$/, 'must be two numbers of seconds, e.g. 60,900')
    .default('60,900')
    .transform((text) => text.split(',').map(Number)),
  /** Seconds until a message comes back if nothing could be written. */
  STORE_WAIT: seconds.default(900),
  LOG_LEVEL: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']).default('INFO'),
  /** Who judges the alarms: CloudWatch all of them, or with `lean` the reconciler most of them. */
  MONITORING: z.enum(['lean', 'full']).default('full'),
});

export type CommonConfig = z.infer<typeof commonEnv>;

const zendeskEnv = z.object({
  /** `https://{subdomain}.zendesk.com/api/v2`, or the address of a fake. */
  ZENDESK_ENDPOINT: z.url(),
  ZENDESK_EMAIL: z.email(),
  ZENDESK_TOKEN: secret,
});

const sendgridEnv = z.object({
  SENDGRID_ENDPOINT: z.url().default('https://api.sendgrid.com'),
  SENDGRID_API_KEY: secret,
  SENDGRID_FROM_EMAIL: z.email(),
  SENDGRID_FROM_NAME: z.string().max(100).optional(),
  /** Recipients per second for all workers together. It is the account's limit, which SendGrid does not publish. */
  EMAIL_RATE: z.coerce.number().positive().max(10_000).default(100),
});

export const emailsEnv = z.object({
  ...commonEnv.shape,
  /** The domains that mails may come from, separated by commas. Empty: any that SendGrid accepts. */
  SENDER_DOMAINS: list.pipe(
    z.array(
      z
        .string()
        .regex(
          /^[a-z0-9-]+(\.[a-z0-9-]+)+$/,
          'must be domains in lowercase, separated by commas, e.g. acme.example.com',
        ),
    ),
  ),
  ...sendgridEnv.pick({ SENDGRID_ENDPOINT: true, SENDGRID_API_KEY: true, EMAIL_RATE: true }).shape,
});

export type EmailsConfig = z.infer<typeof emailsEnv>;

/** The public keys of SendGrid's signed event webhook, from SendGrid's settings: one, or two during a change. */
export const eventsKeys = z
  .string()
  .regex(
    /^[A-Za-z0-9+/]{80,200}={0,2}(,[A-Za-z0-9+/]{80,200}={0,2})?$/,
    "must be the webhook's verification key in base64, or two separated by a comma",
  );

export const emailEventsEnv = z.object({
  ...commonEnv.shape,
  SENDGRID_EVENTS_KEY: eventsKeys.transform((text) => text.split(',')),
});

const templateId = z.string().regex(/^d-[0-9a-f]{32}$/, 'must be a dynamic template id (d-…)');

/** `de=d-…,pt-BR=d-…`: a template of SendGrid for each language. The tags get lower case. */
const templates = list
  .refine(
    (entries) => entries.every((entry) => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*=d-[0-9a-f]{32}$/.test(entry)),
    'must be language tags with dynamic template ids, e.g. de=d-…,pt-BR=d-…',
  )
  .transform((entries) => new Map(entries.map((entry) => entry.split('=') as [string, string]).map(lowerTag)));

const lowerTag = ([tag, template]: [string, string]): [string, string] => [tag.toLowerCase(), template];

export const feedbackEnv = z.object({
  ...commonEnv.shape,
  ...zendeskEnv.shape,
  ...sendgridEnv.shape,
  /** SendGrid's dynamic template of the confirmation. Without it the built-in text is sent. */
  FEEDBACK_TEMPLATE_ID: templateId.optional(),
  /** The confirmation's templates for other languages. A user whose language has none gets the one above. */
  FEEDBACK_TEMPLATES: templates,
  /** Tags for every ticket, separated by commas. */
  FEEDBACK_TAGS: list,
  /** The name in the built-in confirmation. */
  BRAND_NAME: z.string().max(100).default('our team'),
  /** Seconds that the job waits for SendGrid before it ends without the confirmation. */
  CONFIRMATION_WAIT: seconds.default(900),
});

export type FeedbackConfig = z.infer<typeof feedbackEnv>;

export const appStoreConnectEnv = z.object({
  APP_STORE_CONNECT_ENDPOINT: z.url().default('https://api.appstoreconnect.apple.com'),
  APP_STORE_CONNECT_ISSUER_ID: z.guid('must be a UUID'),
  APP_STORE_CONNECT_KEY_ID: z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 capital letters or digits'),
  /** A key in PKCS #8 PEM. */
  APP_STORE_CONNECT_PRIVATE_KEY: secret,
  /** Seconds until Apple shows the effect of a call whose answer was lost. */
  APP_STORE_CONNECT_SETTLE: seconds.default(30),
});

export const testflightEnv = z.object({
  ...commonEnv.shape,
  ...appStoreConnectEnv.shape,
  ...sendgridEnv.shape,
  /** The apps that jobs may change, separated by commas: `APP` with all its groups, or `APP:GROUP`. Empty: any. */
  APPS: list.pipe(
    z.array(
      z
        .string()
        .regex(/^\d{1,20}(:[0-9a-f-]{36})?$/, "must be Apple's ids, APP or APP:GROUP, separated by commas")
        .transform((entry) => {
          const [app = '', group] = entry.split(':');
          return { app, group };
        }),
    ),
  ),
  /** SendGrid's dynamic template of the notification. Without it the built-in text is sent. */
  TESTFLIGHT_TEMPLATE_ID: templateId.optional(),
  /** The sender's name in the built-in notification. */
  BRAND_NAME: feedbackEnv.shape.BRAND_NAME,
  /** Seconds that the job waits for SendGrid before it ends without the notification. */
  NOTIFICATION_WAIT: seconds.default(900),
});

export type TestflightConfig = z.infer<typeof testflightEnv>;

export const analyticsEnv = z.object({
  ...commonEnv.shape,
  /** Names of events to count, separated by commas. Each is a metric that costs money, so there are at most 20. */
  ANALYTICS_EVENT_NAMES: list.refine((names) => names.length <= 20, 'must be at most 20 names'),
});

export type AnalyticsConfig = z.infer<typeof analyticsEnv>;

export const compactionEnv = z.object({
  ...commonEnv.shape,
  /** Seconds that the compaction leaves an hour alone after its end. */
  COMPACTION_SETTLE: seconds.default(900),
  /** The longest time, in seconds, between a reader's list of the bucket and its read of the manifests. */
  COMPACTION_GRACE: seconds.default(900),
});

export const reconcilerEnv = z.object({
  ...commonEnv.shape,
  /** Seconds from one run to the next: a minute as in the schedule, or less if npm start sets it. */
  RECONCILE_EVERY: seconds.default(60),
  /** Runs from one canary of a queue to the next. 0 means no canaries. */
  CANARY_EVERY: z.coerce.number().int().min(0).max(480).default(0),
  /** The limits of each queue's alarms (lib/instances/thresholds.ts). */
  ALARM_LIMITS: json(z.record(name, z.record(z.string(), z.number()))).optional(),
  /** The time-out of each function in seconds, by its key. */
  TIMEOUTS: json(z.record(name, z.number())).optional(),
  /** Address of docs/runbook.md, for the links in alarms. */
  RUNBOOK: z.url().optional(),
});

export const alarmsEnv = z.object({
  ...commonEnv.shape,
  /** A Discord channel's webhook URL. Anyone who has the URL can post. */
  DISCORD_WEBHOOK_URL: secret,
  /** For the commands in the alarm's message. */
  STAGE: name,
});

/**
 * What a producer has to know about an instance, besides its name and region. The stack writes it as JSON into the SSM
 * parameter `producerParameter(instance)`. Newer stacks may add fields.
 */
export const producerSettings = z.object({
  account: z.string().regex(/^\d{12}$/, 'must be 12 digits'),
  bucket: commonEnv.shape.BUCKET,
  prefix: commonEnv.shape.PREFIX,
  table: commonEnv.shape.TABLE,
  /** Recipients per second. It decides the size of a campaign's chunks. */
  emailRate: z.number().positive().max(10_000),
  queues: z.record(name, queueSettings.pick({ type: true, retention: true })),
});
export type ProducerSettings = z.infer<typeof producerSettings>;

/** The schema of each function's environment. A function that is missing here cannot be deployed. */
export const environmentSchemas: Record<string, z.ZodObject> = {
  feedback: feedbackEnv,
  emails: emailsEnv,
  emailEvents: emailEventsEnv,
  testflight: testflightEnv,
  analytics: analyticsEnv,
  compaction: compactionEnv,
  reconciler: reconcilerEnv,
  alarms: alarmsEnv,
};

/** The variables of a function that hold secrets. */
export const secretsOf = (key: string): string[] =>
  Object.entries(environmentSchemas[key]?.shape ?? {}).flatMap(([name, schema]) => (schema === secret ? [name] : []));

/** Our configuration is not valid. The message names every variable and rule, never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The variables that break a rule of a schema. An empty variable counts as missing. */
export function envProblems(
  schema: z.ZodType,
  env: Record<string, string | undefined>,
): { variable: string; rule: string }[] {
  const parsed = schema.safeParse(withoutEmpty(env), { error: ruleInWords });
  if (parsed.success) return [];
  return parsed.error.issues.map(({ path, message }) => ({
    variable: path.map(String).join('.'),
    rule: path.length === 1 && !env[String(path[0])] ? 'is missing' : message,
  }));
}

/** Reads the environment by a schema. An empty variable counts as missing. Throws a ConfigError. */
export function parseEnv<T>(schema: z.ZodType<T>, env: Record<string, string | undefined>): T {
  const problems = envProblems(schema, env);
  if (problems.length === 0) return schema.parse(withoutEmpty(env));
  throw new ConfigError(`configuration: ${problems.map(({ variable, rule }) => `${variable}: ${rule}`).join('; ')}`);
}

const withoutEmpty = (env: Record<string, string | undefined>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));

/** The settings of each queue that the environment lists. */
export function settingsOf({ QUEUES }: Pick<CommonConfig, 'QUEUES'>): (queue: string) => QueueSettings {
  return (queue) => {
    const row = QUEUES[queue];
    if (!row) throw new ConfigError(`configuration: QUEUES: has no queue ${queue}`);
    return row;
  };
}
