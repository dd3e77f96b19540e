import { logicalId } from './logical-id';
import { ConfigurationProblems } from './problems';
import type { QueueRow } from './queue-table';
import type { Thresholds } from './thresholds';

/** The parts of a function block that the rules need. */
export interface FunctionBlock {
  timeout?: unknown;
  events?: unknown;
}

/** Checks each row against the function with the same name. Throws ConfigurationProblems. */
export function checkFunctions(rows: QueueRow[], functions: Record<string, FunctionBlock | undefined>): void {
  const problems = rows.flatMap((row) => functionProblems(row, functions[row.name]));
  if (problems.length > 0) throw new ConfigurationProblems(problems);
}

function functionProblems({ name, visibility, batch }: QueueRow, block: FunctionBlock | undefined): string[] {
  const at = `custom.queues.${name}`;
  if (!block) return [`${at}: must have a function with the same name, functions.${name} is missing`];
  const problems: string[] = [];
  const timeout = Number(block.timeout);
  // AWS recommends six times, so that Lambda can try again while it is throttled.
  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  if (!(visibility >= 6 * timeout))
    problems.push(`${at}: visibility must be >= 6 x the function's timeout (${6 * timeout}), is ${visibility}`);
  const id = logicalId(name, 'Queue');
  const event = sqsEvents(block.events).find(
    ({ arn }) => JSON.stringify(arn) === JSON.stringify({ 'Fn::GetAtt': [id, 'Arn'] }),
  );
  if (!event) return [...problems, `${at}: functions.${name} must have an sqs event with arn !GetAtt ${id}.Arn`];
  if (Number(event.batchSize) !== batch)
    problems.push(`${at}: batchSize of functions.${name} must be the row's batch (${batch}), is ${event.batchSize}`);
  // Without it, one failed message makes SQS deliver the whole batch again, including finished jobs.
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

/**
 * Refuses thresholds that cause false alarms or late ones. Throws ConfigurationProblems. `waits`: seconds between a job's
 * attempts. During these waits, an old message in the queue is normal.
 */
export function checkThresholds(rows: QueueRow[], stage: Thresholds, waits: number[]): void {
  const longest = waits.reduce((sum, wait) => sum + wait, 0) * 1.1;
  const problems = rows.flatMap((row) => {
    const { dlqAge, age, stalled } = { ...stage, ...row.alarms };
    const at = `custom.queues.${row.name}: alarms`;
    const rules: [boolean, string][] = [
      [Number(dlqAge) < row.dlq.retention, `dlqAge must be < the DLQ's retention (${row.dlq.retention}), is ${dlqAge}`],
      [Number(age) < row.retention, `age must be < the queue's retention (${row.retention}), is ${age}`],
      [Number(age) > longest, `age must be > the waits between attempts (${longest}), is ${age}`],
      [Number(stalled) > longest, `stalled must be > the waits between attempts (${longest}), is ${stalled}`],
    ];
    return rules.filter(([ok]) => !ok).map(([, text]) => `${at}.${text}`);
  });
  if (problems.length > 0) throw new ConfigurationProblems(problems);
}

const SCHEDULE = 'rate(1 minute)';

/** Checks the events of `functions.reconciler`, because its alarms and canaries assume one run a minute. */
export function checkSchedule(events: unknown): void {
  const schedules = (Array.isArray(events) ? events : []).flatMap(
    (event: { schedule?: unknown }) => event?.schedule ?? [],
  );
  if (schedules.length === 1 && schedules[0] === SCHEDULE) return;
  const found =
    schedules.length === 0 ? 'missing' : schedules.map((schedule) => JSON.stringify(schedule)).join(' and ');
  throw new ConfigurationProblems([`functions.reconciler: schedule must be ${SCHEDULE}, is ${found}`]);
}
