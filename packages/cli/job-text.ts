import { bodyKey, recordKey } from '../../lib/jobs/keys';
import { type JobRow, type StoredError, traceFacts } from '../../lib/jobs/row';
import { nextAt, stateOf } from '../../lib/ops/operator';
import { timeText } from '../../lib/text';
import { tableText } from './terminal';

export function jobLines(rows: readonly JobRow[]): string[] {
  if (rows.length === 0) return ['No jobs.'];
  const head = ['ID', 'QUEUE', 'STATE', 'ATTEMPTS', 'ACCEPTED (UTC)', 'NEXT', 'ENDED', 'ERROR'];
  const cells = rows.map((row) => [
    row.id,
    row.queue,
    stateOf(row),
    String(row.attempts),
    timeText(row.time),
    timeText(nextAt(row)),
    timeText(row.endedAt),
    row.error?.code ?? '',
  ]);
  return tableText(head, cells);
}

/** Everything about a job that an operator may see. */
export function jobPage(row: JobRow, prefix: string): string[] {
  const { queue, id, type, group, error, recordedAt, bodyKept, endedAt } = row;
  const { correlationId, campaign } = traceFacts(row);
  const facts: [string, string | undefined][] = [
    ['type', type],
    ['group', group],
    ['correlation', correlationId],
    ['campaign', campaign],
    ['accepted', timeText(row.time)],
    ['planned for', row.notBefore === undefined ? undefined : timeText(row.notBefore)],
    ['attempts', `${row.attempts}, opened ${row.generation}, held ${row.holds}`],
    ['next', timeText(nextAt(row))],
    ['ended', timeText(endedAt)],
    ['error', error && errorText(error)],
    ['result', row.result === undefined ? undefined : JSON.stringify(row.result)],
    ['record', recordedAt === undefined ? undefined : recordKey(prefix, row)],
    ['body', bodyKept ? bodyKey(prefix, queue, id) : undefined],
  ];
  const steps = Object.entries(row.steps).map(([name, { status, reason, result, startedAt, endedAt: end }]) => [
    name,
    status,
    timeText(end ?? startedAt),
    result === undefined ? (reason ?? '') : JSON.stringify(result),
    row.evidence?.[name]?.event ?? '',
  ]);
  const history = row.history.map(({ at, event, messageId, attempt, error: thrown, note }) => [
    timeText(at),
    event,
    attempt === undefined ? '' : String(attempt),
    thrown?.code ?? note ?? '',
    messageId ?? '',
  ]);
  return [
    `${queue} ${id}: ${stateOf(row)}`,
    ...facts.flatMap(([name, value]) => (value ? [`  ${name.padEnd(12)}${value}`] : [])),
    ...section(['STEP', 'STATUS', 'AT', 'RESULT', 'SEEN'], steps),
    ...section(['AT (UTC)', 'EVENT', 'ATTEMPT', 'ERROR', 'MESSAGE'], history),
  ];
}

const section = (head: string[], rows: string[][]): string[] =>
  rows.length === 0 ? [] : ['', ...tableText(head, rows).map((line) => `  ${line}`)];

const errorText = ({ class: kind, code, field, vendor, status, message }: StoredError): string =>
  [`${code} (${kind})`, field, vendor && `${vendor}${status ? ` ${status}` : ''}`, message].filter(Boolean).join(' · ');
