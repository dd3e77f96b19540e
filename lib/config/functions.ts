import * as z from 'zod';
import { templateId } from '../text';
import { ConfigError, json, name, producerSettings, sentTo } from './common';

const list = z
  .string()
  .default('')
  .transform((text) => text.split(',').flatMap((entry) => entry.trim() || []));

/** A secret, or a reference to it: `ssm:/path` or `secretsmanager:name`. `realSecret` reads it. */
export const secret = z.string().min(1).brand<'Secret'>();
export type SecretReference = z.infer<typeof secret>;

export const seconds = z.coerce.number().min(0).max(43_200);
const mailWait = z.coerce.number().min(0).max(86_400).default(86_400);

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

const sendingLimits = z.object({
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
const pairs = list.transform((entries) => entries.map((entry) => entry.split('=')));

const sendgrid = {
  SENDGRID_ENDPOINT: z.url().default('https://api.sendgrid.com'),
  SENDGRID_API_KEY: secret,
  /** Recipients per second for all workers together. It is the account's limit, which SendGrid does not publish. */
  EMAIL_RATE: z.coerce.number().positive().max(10_000).default(100),
};

const ownMail = {
  ...sendgrid,
  SENDGRID_FROM_EMAIL: z.email(),
  SENDGRID_FROM_NAME: z.string().max(100).optional(),
  BRAND_NAME: z.string().max(100).default('our team'),
  HASH_KEY: secret,
};

export const domain = z
  .string()
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'must be a domain in lowercase such as example.com');

export const app = z.string().regex(/^\d{1,20}(:[0-9a-f-]{36})?$/, "must be Apple's ids in quotes, APP or APP:GROUP");

export const feedbackEnv = commonEnv.extend({
  /** `https://{subdomain}.zendesk.com/api/v2`, or the address of a fake. */
  ZENDESK_ENDPOINT: z.url(),
  ZENDESK_EMAIL: z.email(),
  ZENDESK_TOKEN: secret,
  ...ownMail,
  FEEDBACK_TEMPLATE_ID: templateId.optional(),
  /** Templates for other languages, `de=d-…,pt-BR=d-…`. Any other one gets that above. The tags get lower case. */
  FEEDBACK_TEMPLATES: pairs
    .pipe(z.array(z.tuple([z.string(), templateId])))
    .transform((templates) => new Map(templates.map(([tag, template]) => [tag.toLowerCase(), template]))),
  FEEDBACK_TAGS: list,
  /** Seconds that the job waits for SendGrid before it ends without the confirmation. */
  CONFIRMATION_WAIT: mailWait,
});

export const emailsEnv = commonEnv.extend({
  ...sendgrid,
  /** The key of the hashes in the suppression list, which never changes. */
  SUPPRESSION_KEY: secret,
  /** The domains that mails may come from, separated by commas. Empty: any that SendGrid accepts. */
  SENDER_DOMAINS: list.pipe(z.array(domain)),
});

export const testflightEnv = commonEnv.extend({
  APP_STORE_CONNECT_ENDPOINT: z.url().default('https://api.appstoreconnect.apple.com'),
  APP_STORE_CONNECT_ISSUER_ID: z.guid('must be a UUID'),
  APP_STORE_CONNECT_KEY_ID: z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 capital letters or digits'),
  /** A key in PKCS #8 PEM. */
  APP_STORE_CONNECT_PRIVATE_KEY: secret,
  /** Seconds until Apple shows the effect of a call whose answer was lost. */
  APP_STORE_CONNECT_SETTLE: seconds.default(30),
  /** The apps that jobs may change, separated by commas: `APP` with all its groups, or `APP:GROUP`. Empty: any. */
  APPS: list.pipe(z.array(app)).transform((entries) =>
    entries.map((entry) => {
      const [id = '', group] = entry.split(':');
      return { app: id, group };
    }),
  ),
  ...ownMail,
  TESTFLIGHT_TEMPLATE_ID: templateId.optional(),
  /** Seconds that the job waits for SendGrid before it ends without the notification. */
  NOTIFICATION_WAIT: mailWait,
});

export const analyticsEnv = commonEnv.extend({
  /** Jobs first made from this time on may hold no mail addresses in their events. */
  ANALYTICS_NO_ADDRESSES_FROM: z.iso.datetime({ offset: true }).optional(),
});

/**
 * The columns of each event in Parquet: the type, whether each row has a value, and the field of a line. No column is a
 * keyword of SQL. A file of an older release has them too.
 */
export const EVENT_COLUMNS = {
  event_id: ['text', true, 'id'],
  event_name: ['text', true, 'name'],
  /** When it happened: the device's time, corrected by its clock's error if the event says when it was sent. */
  occurred_at: ['time', true, ''],
  device_time: ['time', true, 'time'],
  sent_at: ['time', false, 'sent'],
  /** When the producer took the event. */
  received_at: ['time', true, 'received'],
  user_id: ['text', false, 'user'],
  anonymous_id: ['text', false, 'anonymous'],
  session_id: ['text', false, 'session'],
  device: ['text', false, 'device'],
  app_version: ['text', false, 'app'],
  platform: ['text', false, 'platform'],
  schema_version: ['integer', false, 'schema'],
  /** JSON. */
  properties: ['text', false, 'properties'],
  job_id: ['text', true, 'job'],
  source: ['text', true, 'source'],
  message_group: ['text', false, 'group'],
  sequence_number: ['integer', false, 'sequence'],
  /** When the producer packed the event's message. Its hour is the partition. */
  packed_at: ['time', true, 'accepted'],
} as const;

export const PROPERTY_TYPES = ['text', 'number', 'boolean'] as const;
export type PropertyType = (typeof PROPERTY_TYPES)[number];
export type ColumnType = PropertyType | 'integer' | 'time';

export const hoursEnv = commonEnv.extend({
  /** Properties that have a column of their own, such as `price=number,product=text`. */
  ANALYTICS_COLUMNS: pairs.pipe(z.array(z.tuple([z.string(), z.enum(PROPERTY_TYPES)]))),
});

/** The public keys of SendGrid's signed event webhook, from SendGrid's settings: one, or two during a change. */
export const eventsKeys = z
  .string()
  .regex(
    /^[A-Za-z0-9+/]{80,200}={0,2}(,[A-Za-z0-9+/]{80,200}={0,2})?$/,
    "must be the webhook's verification key in base64, or two separated by a comma",
  );

export const emailEventsEnv = commonEnv.extend({
  SENDGRID_EVENTS_KEY: eventsKeys.transform((text) => text.split(',')),
  /** Without the queue emails, there is no suppression list. */
  SUPPRESSION_KEY: secret.optional(),
});

const percent = z.number().min(0.01).max(100);

export const reconcilerEnv = commonEnv.extend({
  /** Seconds from one run to the next: a minute as in the schedule, or less if npm start sets it. */
  RECONCILE_EVERY: seconds.default(60),
  /** Runs from one canary of a queue to the next. 0 means no canaries. */
  CANARY_EVERY: z.coerce.number().int().min(0).max(480).default(0),
  /** From which percentages on a campaign pauses (lib/emails/campaigns/campaign.ts). */
  GUARD: json(
    z.strictObject({
      ...{ bounces: percent, reports: percent, refused: percent },
      ...{ first: z.int().positive().default(500), wait: seconds.default(600) },
    }),
  ),
  /** From how many entries on the alarm about each queue's DLQ fires. */
  DLQ_DEPTHS: json(z.record(name, z.number().int().min(1))),
});

export const alarmsEnv = commonEnv.extend({
  /** A Discord channel's webhook URL. Anyone who has the URL can post. Without it, only other subscribers get alarms. */
  DISCORD_WEBHOOK_URL: secret.optional(),
  STAGE: name,
  /** Address of docs/runbook.md, for the links in messages. */
  RUNBOOK: z.url().optional(),
});

/** By the key in serverless.yml, in its order. A function that is missing here cannot be deployed. */
export const environmentSchemas: Record<string, z.ZodObject> = {
  feedback: feedbackEnv,
  emails: emailsEnv,
  testflight: testflightEnv,
  analytics: analyticsEnv,
  emailEvents: emailEventsEnv,
  hours: hoursEnv,
  reconciler: reconcilerEnv,
  verify: commonEnv,
  alarms: alarmsEnv,
};
