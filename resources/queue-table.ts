import { z } from 'zod';
import type { QueueSettings } from '../lib/config';
import { ConfigurationProblems } from './problems';
import { thresholdsSchema } from './thresholds';
import { whole } from './whole';

/** SQS keeps a message for between one minute and 14 days. */
const retention = whole(60, 1_209_600);
const type = z.enum(['fifo', 'standard'], 'must be fifo or standard');

/** One row of `custom.queues`. Times are seconds. */
const rowSchema = z.strictObject({
  type,
  retention,
  visibility: whole(0, 43_200),
  /** SQS moves a message to the DLQ after this many receives. */
  receives: whole(1, 1000),
  batch: whole(1, 10_000),
  /** While a job is held, later jobs of its message group are held too. */
  ordered: z.boolean('must be true or false'),
  /** `high`: SQS limits and deduplicates each message group, not the whole queue. */
  throughput: z.enum(['normal', 'high'], 'must be normal or high').default('normal'),
  /** Running a job twice does no harm. After a time-out, SQS delivers the whole batch again. */
  repeatable: z.boolean('must be true or false').default(false),
  dlq: z.strictObject({ type: type.optional(), retention: retention.default(1_209_600) }).prefault({}),
  /** Thresholds that override the stage's (`custom.alarms`). */
  alarms: thresholdsSchema.partial().default({}),
});

export type QueueRow = z.infer<typeof rowSchema> & { name: string };

/** Parses `custom.queues`. Throws ConfigurationProblems with a line for each problem: row, rule and value. */
export function parseQueueTable(table: unknown): QueueRow[] {
  const rows = z.record(z.string(), z.unknown()).safeParse(table);
  if (!rows.success) throw new ConfigurationProblems(['custom.queues: must be a table of queues']);
  const problems: string[] = [];
  const parsed = Object.entries(rows.data).flatMap(([name, row]) => {
    const result = rowSchema.safeParse(row);
    if (result.success) {
      problems.push(...rowProblems({ ...result.data, name }));
      return [{ ...result.data, name }];
    }
    problems.push(...result.error.issues.map((issue) => `custom.queues.${name}: ${describe(issue, row)}`));
    return [];
  });
  if (problems.length > 0) throw new ConfigurationProblems(problems);
  return parsed;
}

function describe(issue: z.core.$ZodIssue, row: unknown): string {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return `${path ? `${path}: ` : ''}unknown ${issue.keys.join(', ')}`;
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], row);
  const message = path ? issue.message : 'must be a table';
  return `${path ? `${path} ` : ''}${message}, is ${value === undefined ? 'missing' : JSON.stringify(value)}`;
}

/** Rules about several fields of a row. */
function rowProblems(row: QueueRow): string[] {
  const { name, type, batch, ordered, throughput, repeatable, retention, dlq } = row;
  const problems: string[] = [];
  const rule = (ok: boolean, text: string) => ok || problems.push(`custom.queues.${name}: ${text}`);
  rule(/^[a-z][a-z0-9-]{0,19}$/.test(name), `name must be 1 to 20 lowercase letters, digits or hyphens, is ${name}`);
  rule(type === 'standard' || batch <= 10, `batch of a FIFO queue must be <= 10, is ${batch}`);
  rule(batch === 1 || repeatable, `batch must be 1 unless the row says repeatable: true, is ${batch}`);
  rule(type === 'fifo' || !ordered, 'ordered must be false on a standard queue, is true');
  rule(type === 'fifo' || throughput === 'normal', 'throughput must be normal on a standard queue, is high');
  rule((dlq.type ?? type) === type, `dlq.type must be the queue's (${type}), is ${dlq.type}`);
  rule(dlq.retention >= retention, `dlq.retention must be >= the queue's (${retention}), is ${dlq.retention}`);
  return problems;
}

/** The part of a row that the functions read from QUEUES. */
export const settings = ({ type, retention, visibility, receives, ordered, dlq }: QueueRow): QueueSettings => ({
  type,
  retention,
  dlqRetention: dlq.retention,
  visibility,
  receives,
  ordered,
});
