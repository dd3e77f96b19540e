import type { QueueRow } from '../lib/instances/queue-row';
import { logicalId } from './logical-id';
import { ConfigurationProblems } from './problems';

/** The parts of a function block that the generators need. */
export interface FunctionBlock {
  name: string;
  timeout: number;
  reservedConcurrency?: number;
  events?: unknown;
}

/** Checks each queue against the function with the same name. Throws ConfigurationProblems. */
export function checkFunctions(rows: QueueRow[], functions: Record<string, FunctionBlock | undefined>): void {
  const problems = rows.flatMap((row) => functionProblems(row, functions[row.name]));
  if (problems.length > 0) throw new ConfigurationProblems(problems);
}

function functionProblems({ name, timeout, batch }: QueueRow, block: FunctionBlock | undefined): string[] {
  const at = `functions.${name}`;
  if (!block) return [`${at}: is missing, but there is a queue with this name`];
  const problems: string[] = [];
  if (block.timeout !== timeout) problems.push(`${at}: timeout must be the queue's (${timeout}), is ${block.timeout}`);
  const id = logicalId(name, 'Queue');
  const event = sqsEvents(block.events).find(
    ({ arn }) => JSON.stringify(arn) === JSON.stringify({ 'Fn::GetAtt': [id, 'Arn'] }),
  );
  if (!event) return [...problems, `${at}: must have an sqs event with arn !GetAtt ${id}.Arn`];
  if (Number(event.batchSize) !== batch)
    problems.push(`${at}: batchSize must be the queue's batch (${batch}), is ${event.batchSize}`);
  // Without it, one failed message makes SQS deliver the whole batch again, including finished jobs.
  if (event.functionResponseType !== 'ReportBatchItemFailures')
    problems.push(
      `${at}: functionResponseType must be ReportBatchItemFailures, is ${event.functionResponseType ?? 'missing'}`,
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
