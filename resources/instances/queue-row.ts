import * as z from 'zod';
import type { QueueSettings } from '../../lib/config/common';
import type { Problem } from './problems';

export const whole = (min: number, max: number) =>
  z
    .number('must be a whole number')
    .int('must be a whole number')
    .min(min, `must be >= ${min}`)
    .max(max, `must be <= ${max}`);

const ACCOUNT = '\\d{12}';
const IDENTITY = 'arn:aws[\\w-]*:iam::\\d{12}:(?:role|user)/[\\w+=,.@/-]+';

/** Principals of IAM without wildcards: accounts as 12 digits, ARNs of roles and users, and what `more` matches. */
export const principals = (rule: string, ...more: string[]) =>
  z.array(z.string(rule).regex(new RegExp(`^(?:${[ACCOUNT, IDENTITY, ...more].join('|')})$`), rule)).min(1);

/** SQS keeps a message for between one minute and 14 days. */
const retention = whole(60, 1_209_600);
const type = z.enum(['fifo', 'standard'], 'must be fifo or standard');
const yesOrNo = z.boolean('must be true or false');

/** Outages of a vendor that last for hours are normal. */
const DAY = 86_400;

/** The limits of a queue's alarms. Times are seconds. */
export const thresholdsSchema = z.strictObject({
  dlqDepth: whole(1, 1_000_000).describe('DLQ entries, including those in flight'),
  held: whole(1, 1_209_600).describe('Time for which the oldest held job has been held'),
  age: whole(1, 1_209_600).describe('Age of the oldest message. Must be longer than all waits between attempts'),
  errorRate: whole(1, 100).describe('Dead jobs, in percent of the jobs that ended within 15 minutes'),
  errorRateJobs: whole(1, 1_000_000).describe('The error rate counts only if at least this many jobs ended'),
  canary: whole(1, 3).describe('Late canaries among the last three. Late: not done before the next was due'),
  finish: whole(1, 1_209_600).describe('Average time from due to finish. Chunks of campaigns do not count'),
});

/** The settings of a queue. Times are seconds. */
export const rowSchema = z.strictObject({
  type: type.describe('fifo keeps the order of a message group. standard does not (docs/white-label.md)'),
  timeout: whole(1, 900).describe("The worker's time-out. Must hold the calls to vendors"),
  visibility: whole(0, 43_200).describe("At least six times the worker's time-out"),
  retention: retention.describe('SQS deletes a message after this time'),
  receives: whole(1, 1000).describe('SQS moves a message to the DLQ after this many receives'),
  batch: whole(1, 10_000).describe('Messages per invocation. More than 1 only if the queue is repeatable'),
  concurrency: whole(2, 1000).describe('Invocations of the worker at one time'),
  throughput: z
    .enum(['normal', 'high'], 'must be normal or high')
    .describe('high: SQS limits and deduplicates each message group, not the whole queue'),
  repeatable: yesOrNo.describe('Running a job twice does no harm. Follows from the code of the worker'),
  dlq: z
    .strictObject({
      type: type.optional().describe("Must be the queue's"),
      retention: retention.default(1_209_600).describe("At least the queue's"),
    })
    .prefault({}),
  alarms: thresholdsSchema.describe('Limits of the alarms of this queue'),
  senders: principals('must be an account of 12 digits in quotes, or the ARN of a role')
    .optional()
    .describe('Other AWS accounts, or their roles, that may send to this queue directly (docs/wire-format.md)'),
  env: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .optional()
    .describe("The worker's variables (lib/config) that no other setting gives"),
});

export type QueueRow = z.infer<typeof rowSchema> & { name: string };

/** What a file may say about a queue. The profile's row has the rest. */
export const rowChanges = z
  .strictObject({
    ...rowSchema.shape,
    dlq: z.strictObject({ type, retention }).partial(),
    alarms: thresholdsSchema.partial(),
  })
  .partial();

/** Rules about several settings of a row. `waits`: seconds between a job's attempts. */
export function rowProblems(row: QueueRow, waits: number[]): Problem[] {
  const { type, timeout, visibility, batch, throughput, repeatable, retention, dlq, alarms } = row;
  const problems: Problem[] = [];
  const rule = (ok: boolean, setting: string, text: string) =>
    ok || problems.push({ path: `queues.${row.name}.${setting}`, rule: text });
  rule(/^[a-z][a-z0-9-]{0,19}$/.test(row.name), '', 'the name must be 1 to 20 lowercase letters, digits or hyphens');
  // AWS recommends six times, so that Lambda can try again while it is throttled.
  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  rule(visibility >= 6 * timeout, 'visibility', `must be >= 6 x timeout (${6 * timeout}), is ${visibility}`);
  rule(type === 'standard' || batch <= 10, 'batch', `must be <= 10 on a FIFO queue, is ${batch}`);
  rule(batch === 1 || repeatable, 'batch', `must be 1 unless the queue is repeatable, is ${batch}`);
  rule(type === 'fifo' || throughput === 'normal', 'throughput', 'must be normal on a standard queue, is high');
  rule((dlq.type ?? type) === type, 'dlq.type', `must be the queue's (${type}), is ${dlq.type}`);
  rule(dlq.retention >= retention, 'dlq.retention', `must be >= the queue's (${retention}), is ${dlq.retention}`);
  // During the waits between attempts, an old message in the queue is normal.
  const longest = waits.reduce((sum, wait) => sum + wait, 0) * 1.1;
  const { age } = alarms;
  rule(
    retention >= DAY,
    'retention',
    `must be >= ${DAY}, because a job ends when its vendor is down for longer, is ${retention}`,
  );
  rule(age < retention, 'alarms.age', `must be < the queue's retention (${retention}), is ${age}`);
  rule(age > longest, 'alarms.age', `must be > the waits between attempts (${longest}), is ${age}`);
  return problems.map((problem) => ({ ...problem, path: problem.path.replace(/\.$/, '') }));
}

export const settings = (row: QueueRow): QueueSettings => ({
  type: row.type,
  retention: row.retention,
  dlqRetention: row.dlq.retention,
  visibility: row.visibility,
  receives: row.receives,
  // Twice what the workers take at once: the next messages are there when they have finished these.
  room: 2 * row.concurrency * row.batch,
});
