import type { DeadLetter } from '../views';
import type { Outcome } from './run';
import { textTable } from './text-table';

/** A table of the jobs with attempts, state, steps, time and S3 key. */
export function outcomesTable(outcomes: Outcome[]): string {
  return textTable(
    ['Job', 'Attempts', 'State', 'Steps', 'Time', 'S3 key'],
    outcomes.map(({ title, job }) => {
      if (!job) return [title, '', 'no row'];
      const { attempts, state, reason, steps, createdAt, endedAt, recordKey } = job;
      const each = Object.entries(steps).map(([name, { status }]) => `${name} ${status}`);
      const seconds = endedAt === undefined ? NaN : (Date.parse(endedAt) - Date.parse(createdAt)) / 1000;
      return [
        title,
        String(attempts),
        reason ? `${state} (${reason})` : state,
        each.join(', ') || '-',
        Number.isNaN(seconds) ? '-' : `${seconds.toFixed(1)} s`,
        recordKey ?? '-',
      ];
    }),
  );
}

/** A table of the DLQ entries with their reasons. */
export function deadLettersTable(deadLetters: DeadLetter[], outcomes: Outcome[]): string {
  return textTable(
    ['Job', 'Reason', 'Code', 'Why'],
    deadLetters.map(({ messageId, attributes: { job, reason, code, message } }) => [
      outcomes.find(({ id }) => id === job)?.title ?? messageId,
      reason ?? 'moved by SQS',
      code ?? '-',
      message ?? '-',
    ]),
  );
}
