import * as z from 'zod';
import { commonEnv } from '../../lib/platform/config/functions';
import { matching, seconds, secretSetting, section, table, text, whole } from '../../lib/platform/config/settings';
import { templateId } from '../../lib/platform/text';
import { domain, eventsKeys } from '../../lib/queues/emails/config';
import { SETTINGS } from '../../lib/queues/queues';
import { nearestText } from './problems';

/** For what YAML reads as a number without quotes: the rule says so. */
const quoted = (pattern: RegExp, rule: string) => z.string(rule).regex(pattern, rule);

/** Principals of IAM without wildcards: accounts as 12 digits, ARNs of roles and users, and what `more` matches. */
const principals = (rule: string, more = '') =>
  z.array(quoted(new RegExp(`^(\\d{12}|arn:aws[\\w-]*:iam::\\d{12}:(role|user)/[\\w+=,.@/-]+${more})$`), rule)).min(1);

/** SQS keeps a message for 14 days at most. A job ends when its vendor is down for longer, so at least a day. */
const retention = whole(86_400, 1_209_600);

/** The limits of a queue's alarms. Times are seconds. */
const thresholds = table({
  dlqDepth: whole(1, 1_000_000).describe('DLQ entries, including those in flight'),
  held: whole(1, 1_209_600).describe('Time for which the oldest held job has been held'),
  age: whole(1, 1_209_600).describe('Age of the oldest message. Must be longer than all waits between attempts'),
  errorRate: whole(1, 100).describe('Dead jobs, in percent of the jobs that ended within 15 minutes'),
  errorRateJobs: whole(1, 1_000_000).describe('The error rate counts only if at least this many jobs ended'),
  canary: whole(1, 3).describe('Late canaries among the last three. Late: not done before the next was due'),
  finish: whole(1, 1_209_600).describe('Average time from due to finish. Chunks of campaigns do not count'),
});

/** The settings of a queue. Times are seconds. */
export const rowSchema = table({
  type: z
    .enum(['fifo', 'standard'])
    .describe('fifo keeps the order of a message group. standard does not (docs/white-label.md)'),
  timeout: whole(1, 900).describe("The worker's time-out. Must hold the calls to vendors"),
  visibility: whole(0, 43_200).describe("At least six times the worker's time-out"),
  retention: retention.describe('SQS deletes a message after this time'),
  receives: whole(1, 1000).describe('SQS moves a message to the DLQ after this many receives'),
  batch: whole(1, 10).describe('Messages per invocation. More than 1 only for the events of analytics'),
  concurrency: whole(2, 1000).describe('Invocations of the worker at one time'),
  throughput: z
    .enum(['normal', 'high'])
    .describe('high: SQS limits and deduplicates each message group, not the whole queue. A standard queue ignores it'),
  dlq: table({ retention: retention.default(1_209_600).describe("At least the queue's") }).prefault({}),
  alarms: thresholds.describe('Limits of the alarms of this queue'),
  accounts: principals('must be an account of 12 digits in quotes, or the ARN of a role')
    .optional()
    .describe('Other AWS accounts, or their roles, that may send to this queue directly (docs/wire-format.md)'),
});

export type QueueRow = z.infer<typeof rowSchema> & { name: string };

const KMS_KEY = 'arn:[\\w-]+:kms:[\\w-]+:\\d{12}:key/[\\w-]{1,36}';

const percent = z.number().min(0.01).max(100);

/** The regions that Serverless knows. It refuses others too, but without naming the file. */
export const REGIONS = `
  af-south-1
  ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
  ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
  ca-central-1 ca-west-1 cn-north-1 cn-northwest-1
  eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
  il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
  us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-iso-east-1 us-iso-west-1 us-isob-east-1 us-west-1 us-west-2
`
  .trim()
  .split(/\s+/);

/** Begins every resource name. A role name holds instance, function and region in 64 characters. */
export const INSTANCE_NAME = /^[a-z][a-z0-9-]{0,30}[a-z0-9]$/;
const language = matching(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'must be a language tag such as de or pt-BR');

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html */
const tagKey = matching(
  /^(?!aws:|instance$|stage$|service$)[\p{L}\p{N} _.:/=+@-]{1,128}$/iu,
  'must be 1 to 128 letters, digits, spaces or _.:/=+@-, and not instance, stage, service or aws:…',
);
const tagValue = matching(/^[\p{L}\p{N} _.:/=+@-]{0,256}$/u, 'must be at most 256 letters, digits, spaces or _.:/=+@-');

function isZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

/** What `instances/{name}.yml`, its profile and `profiles/default.yml` together must say. Times are seconds. */
export const instanceFile = table({
  stage: z.enum(['prod', 'staging', 'local']).describe('The profile. It also ends the name of the stack'),
  account: quoted(/^\d{12}$/, 'must be 12 digits in quotes')
    .optional()
    .describe('The only AWS account that a deployment may go to'),
  region: z
    .string()
    .regex(new RegExp(`^(${REGIONS.join('|')})$`), {
      error: ({ input }) => `must be a region of AWS.${nearestText(`${input}`, REGIONS)}`,
    })
    .describe('The only region that a deployment may go to'),
  bucket: commonEnv.shape.BUCKET.describe("The team's bucket. It must exist; the stack never creates or changes it"),
  // The policies of people and programs repeat it, and IAM limits their length.
  prefix: commonEnv.shape.PREFIX.max(48).describe(
    'Begins all keys in the bucket. At most 48 characters. Default: the name',
  ),
  retain: z.boolean().describe('Protect the stack, and keep queues, table and logs when it is removed'),
  tags: z.record(tagKey, tagValue).optional().describe('Tags of every resource, such as a cost centre and an owner'),
  secretsKey: matching(new RegExp(`^${KMS_KEY}$`), 'must be the ARN of a KMS key')
    .optional()
    .describe('The customer key that encrypts the secrets, if there is one'),
  kmsKey: matching(new RegExp(`^(own|${KMS_KEY})$`), 'must be own, or the ARN of a KMS key')
    .optional()
    .describe('The customer key of queues, table, topics, logs and objects: own for one of the stack, or a key'),
  hashKey: text
    .regex(/^(?!secretsmanager:)/, 'must be ssm:/path, because producers read it too')
    .describe('The key of the hashes of people and of data: ssm:/path, because producers read it too'),

  access: section({
    api: principals(
      'must be an account of 12 digits in quotes, the ARN of a role, or a service such as ecs-tasks.amazonaws.com',
      '|[a-z0-9-]+(?:\\.[a-z0-9-]+)*\\.amazonaws\\.com',
    ).describe('Who may take the role of the API: accounts, roles, or services such as ecs-tasks.amazonaws.com'),
    organization: matching(/^o-[a-z0-9]{10,32}$/, 'must be the id of an organisation such as o-a1b2c3d4e5').describe(
      'Senders of other accounts must belong to this AWS organisation',
    ),
  }).describe('Access for others than our functions. The accounts that may send to a queue are in its row'),

  brand: text.max(100).optional().describe('The name in built-in texts'),
  sender: section({
    email: z.email().describe('The address of the mails'),
    name: text.max(100).describe('The name beside the address'),
    domains: z
      .array(domain)
      .describe('The domains that mails of jobs may come from. Without it, any that SendGrid accepts'),
  }).describe('The sender of confirmations and notifications'),
  ...SETTINGS,
  sendgrid: section({
    endpoint: z.url().describe('The API of SendGrid'),
    apiKey: secretSetting('An API key that may send mail'),
    eventsKey: eventsKeys.describe('The public key of the signed event webhook, or two separated by a comma'),
    suppressionKey: text
      .regex(/^(?!secretsmanager:)/, 'must be ssm:/path, because operators read it too')
      .describe('The key of the hashes in the suppression list: ssm:/path. Never change it, or no address is found'),
    rate: z.number().positive().max(10_000).describe('Recipients per second, for all mail of the instance'),
    guard: table({
      bounces: percent.describe('A campaign pauses above this percentage of hard bounces. 100: never'),
      reports: percent.describe('And above this percentage of spam reports, from the third on. 100: never'),
      refused: percent.describe('And above this percentage of refused chunks. 100: never'),
      first: whole(1, 1_000_000).describe('Recipients of the first wave, in whole chunks. No chunk is larger'),
      wait: whole(0, 86_400).describe('Seconds that a campaign waits for the events of its first wave. 0: no wave'),
    }).describe('The limits of a campaign, once 100 of its mails are delivered or bounced (docs/emails.md)'),
    between: matching(
      /^(?:[01]\d|2[0-3]):[0-5]\d[–-](?:[01]\d|2[0-3]):[0-5]\d$/,
      'must be two times of day such as 08:00–20:00',
    )
      .refine((text) => text.slice(0, 5) !== text.slice(6), 'must be two different times of day')
      .describe('Campaigns are sent only between these times of day'),
    zone: z
      .string()
      .refine(isZone, 'must be a time zone such as Europe/Berlin')
      .describe('The time zone of `between` and of the day of `dailyCap`. Default: UTC'),
    dailyCap: whole(1, 100_000_000).describe(
      'Campaigns stop for the day when so many mails were sent. A mail whose outcome is unknown counts',
    ),
    templates: section({
      feedback: templateId.describe('The template of the confirmation: d-…'),
      feedbackByLanguage: z
        .record(language, templateId)
        .describe('Templates of the confirmation in other languages, such as de: d-…'),
      testflight: templateId.describe('The template of the notification of a tester: d-…'),
    }).describe('Dynamic templates. Without one, a built-in text is sent'),
  }),
  notify: section({
    discord: secretSetting(
      'The webhook of the Discord channel that gets the alarms. Without it, only other subscribers of their topic do',
    ),
    email: z.email().describe('Gets the alarms about undelivered alarms. Must confirm the subscription once'),
    runbook: z.url().describe('Address of docs/runbook.md, for the links in alarms'),
  }),

  events: section({
    bus: matching(
      /^(own|[A-Za-z0-9._/-]{1,256}|arn:[a-z-]+:events:[a-z0-9-]+:\d{12}:event-bus\/[A-Za-z0-9._/-]{1,256})$/,
      'must be own, or the name or ARN of a bus',
    ).describe('Where the ends of jobs are published: own for a bus of the instance, or a bus. Without it, nowhere'),
    webhook: table({
      url: matching(/^(https:\/\/|http:\/\/127\.0\.0\.1:)\S{1,2000}$/, 'must be an https address').describe(
        'The https address that the ends of jobs are posted to',
      ),
      key: text
        .regex(/^secretsmanager:[A-Za-z0-9/_+=.@-]+$/, 'must be secretsmanager:name, because CloudFormation reads it')
        .describe('The text of the header authorization: secretsmanager:name, because CloudFormation reads it'),
    }).optional(),
  }),

  waits: table({
    retry: z.array(whole(0, 43_200)).length(2, 'must be two numbers of seconds').describe('Before attempts 2 and 3'),
    store: seconds.describe('Until a message comes back if nothing could be written'),
    confirmation: whole(0, 86_400).describe('How long a confirmation may wait for SendGrid'),
    notification: whole(0, 86_400).describe('How long a notification may wait for SendGrid'),
  }),
  retention: section({
    retry: whole(1, 44).describe('Bodies of dead and cancelled jobs, from the last change on. Default: 44'),
    records: whole(45, 3_650).describe('Records of jobs'),
    outcomes: whole(45, 3_650).describe("Outcomes of recipients, and SendGrid's events"),
    events: whole(60, 3_650).describe('Events of analytics as they came'),
    parquet: whole(45, 3_650).describe('The hours of events as Parquet'),
    rejected: whole(1, 3_650).describe('Rejected events'),
    audit: whole(1, 3_650).describe('Who did what'),
  }).describe('Days. `sls check` prints lifecycle rules with them, and then asks for rules that keep nothing longer'),
  logs: table({
    level: commonEnv.shape.LOG_LEVEL.unwrap().describe('The least important lines that are logged'),
    retention: whole(1, 3653).describe('Days that CloudWatch keeps the logs'),
  }),
  canaryEvery: whole(0, 480).describe('Minutes between two canaries of a queue. 0: no canaries'),
  alarms: thresholds.describe("Limits of all queues' alarms. A queue's own alarms override them"),
  functions: table({
    reconciler: table({ timeout: whole(10, 60).describe('The time-out of the reconciler') }),
    emailEvents: table({ concurrency: whole(1, 1000).describe("Reserved concurrency of SendGrid's webhook") }),
  }).describe('Functions that are not the worker of a queue'),
  queues: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,19}$/), rowSchema)
    .describe('The queues in use, with what differs from the profile. A queue that is not here does not exist'),
});

export type InstanceFile = z.infer<typeof instanceFile>;
