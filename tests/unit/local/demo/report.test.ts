import { deadLettersTable, outcomesTable } from '../../../../lib/local/demo/report';
import type { Outcome } from '../../../../lib/local/demo/run';
import { inState } from '../../../support/in-state';

const outcome: Outcome = {
  title: 'a normal one',
  id: 'job-1',
  job: {
    queue: 'feedback',
    id: 'job-1',
    state: inState('dead'),
    reason: 'error',
    attempts: 2,
    holds: 0,
    steps: { ticket: { status: 'done', startedAt: 1 }, confirmation: { status: 'unknown', startedAt: 2 } },
    createdAt: '2026-01-02T03:04:05.000Z',
    endedAt: '2026-01-02T03:04:06.250Z',
    recordKey: 'jobs/feedback/job-1.json',
  },
  differences: [],
};

test('the table shows each job as an aligned row with the S3 key last', () => {
  expect(outcomesTable([outcome]).split('\n')).toEqual([
    'Job           Attempts  State         Steps                              Time   S3 key',
    '------------  --------  ------------  ---------------------------------  -----  ------------------------',
    'a normal one  2         dead (error)  ticket done, confirmation unknown  1.3 s  jobs/feedback/job-1.json',
  ]);
});

test('a job without an end has no time and no key', () => {
  const { endedAt: _endedAt, recordKey: _recordKey, ...open } = outcome.job ?? {};

  const [, , row] = outcomesTable([{ ...outcome, job: open as Outcome['job'] }]).split('\n');

  expect(row).toMatch(/unknown {2}- {5}-$/);
});

test('a DLQ entry is listed by its job, or as moved by SQS if no worker wrote a reason', () => {
  const letter = { queue: 'dlq', group: 'g', receiveCount: 0 };

  const table = deadLettersTable(
    [
      { ...letter, messageId: 'm-1', attributes: { job: 'job-1', reason: 'error', code: 'NotJson', message: 'why' } },
      { ...letter, messageId: 'm-2', attributes: {} },
    ],
    [outcome],
  );

  expect(table.split('\n').slice(2)).toEqual([
    'a normal one  error         NotJson  why',
    'm-2           moved by SQS  -        -',
  ]);
});
