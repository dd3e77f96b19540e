import { z } from 'zod';
import type { QueueSettings } from '../lib/config';
import { logicalId } from './logical-id';
import { ConfigurationProblems } from './problems';
import { thresholdsSchema } from './thresholds';
import { whole } from './whole';

/** SQS keeps a message for a minute at least and 14 days at most. */
const retention = whole(60, 1_209_600);
const type = z.enum(['fifo', 'standard'], 'must be fifo or standard');

/** One row of `custom.queues`. Times are seconds. */
const rowSchema = z.strictObject({
  type,
  retention,
  visibility: whole(0, 43_200),
  /** Deliveries before SQS moves a message to the DLQ. */
  receives: whole(1, 1000),
  batch: whole(1, 10_000),
  /** A job behind a held one of its group is held behind it. */
  ordered: z.boolean('must be true or false'),
  /** `high`: no limit for the queue as a whole, deduplication per message group. */
  throughput: z.enum(['normal', 'high'], 'must be normal or high').default('normal'),
  /** Doing a job twice does no harm: what a time-out leaves of a batch comes again. */
  repeatable: z.boolean('must be true or false').default(false),
  dlq: z.strictObject({ type: type.optional(), retention: retention.default(1_209_600) }).prefault({}),
  /** Its own thresholds, where they differ from the stage's (`custom.alarms`). */
  alarms: thresholdsSchema.partial().default({}),
});

export type QueueRow = z.infer<typeof rowSchema> & { name: string };

/** What the rules need of a function block. */
export interface FunctionBlock {
  timeout?: unknown;
  events?: unknown;
}

/** Parses `custom.queues`; throws ConfigurationProblems that name row, rule and value, all of them at once. */
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

/** Rules inside a row that a schema of its fields does not say. */
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

/** Checks each row against the function of its name; throws ConfigurationProblems. */
export function checkFunctions(rows: QueueRow[], functions: Record<string, FunctionBlock | undefined>): void {
  const problems = rows.flatMap((row) => functionProblems(row, functions[row.name]));
  if (problems.length > 0) throw new ConfigurationProblems(problems);
}

function functionProblems({ name, visibility, batch }: QueueRow, block: FunctionBlock | undefined): string[] {
  const at = `custom.queues.${name}`;
  if (!block) return [`${at}: must have a function of its name, functions.${name} is missing`];
  const problems: string[] = [];
  const timeout = Number(block.timeout);
  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times, so that Lambda can try again
  if (!(visibility >= 6 * timeout))
    problems.push(`${at}: visibility must be >= 6 x the function's timeout (${6 * timeout}), is ${visibility}`);
  const id = logicalId(name, 'Queue');
  const event = sqsEvents(block.events).find(
    ({ arn }) => JSON.stringify(arn) === JSON.stringify({ 'Fn::GetAtt': [id, 'Arn'] }),
  );
  if (!event) return [...problems, `${at}: functions.${name} must have an sqs event with arn !GetAtt ${id}.Arn`];
  if (Number(event.batchSize) !== batch)
    problems.push(`${at}: batchSize of functions.${name} must be the row's batch (${batch}), is ${event.batchSize}`);
  // Without it one failed message brings back the whole batch, finished work included.
  if (event.functionResponseType !== 'ReportBatchItemFailures')
    problems.push(
      `${at}: functionResponseType of functions.${name} must be ReportBatchItemFailures, is ${event.functionResponseType ?? 'missing'}`,
    );
  return problems;
}

interface SqsEvent {
  arn?: unknown;
  batchSize?: unknown;
  functionResponseType?: unknown;
}

const sqsEvents = (events: unknown): SqsEvent[] =>
  (Array.isArray(events) ? events : []).flatMap((event: { sqs?: SqsEvent }) => (event?.sqs ? [event.sqs] : []));

/** A row as the functions know it (QUEUES in their environment). */
export const settings = ({ type, retention, visibility, receives, ordered, dlq }: QueueRow): QueueSettings => ({
  type,
  retention,
  dlqRetention: dlq.retention,
  visibility,
  receives,
  ordered,
});
