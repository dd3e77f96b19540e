import { differences, type Evidence, finished } from '../../../../lib/local/demo/check';
import type { Expected } from '../../../../lib/local/demo/scenario';
import type { JobView } from '../../../../lib/local/views';
import { inState } from '../../../support/in-state';

const job: JobView = {
  queue: 'feedback',
  id: 'job-1',
  state: inState('succeeded'),
  attempts: 1,
  holds: 0,
  steps: { ticket: { status: 'done', startedAt: 1 } },
  createdAt: '2026-01-02T03:04:05.000Z',
  recordKey: 'key',
};
const expected: Expected = {
  state: 'succeeded',
  steps: { ticket: 'done' },
  tickets: 1,
  mails: 1,
};
const letter = { queue: 'dlq', messageId: 'm', group: 'g', receiveCount: 0 };

const evidence = (over: Partial<Evidence> = {}): Evidence => ({
  zendesk: { tickets: [{ external_id: 'job-1' }, { external_id: 'job-2' }] },
  sendgrid: { mails: [{ customArgs: { job: 'job-1' } }] },
  views: { deadLetters: () => [] },
  ports: { objects: { get: async () => Buffer.from('{"state":"succeeded"}') } },
  ...over,
});

test('a job with the expected outcome has no differences', async () => {
  expect(await differences(evidence(), job, expected)).toEqual([]);
});

test('every difference is reported', async () => {
  const other = evidence({
    zendesk: { tickets: [] },
    sendgrid: { mails: [] },
    views: { deadLetters: () => [{ ...letter, attributes: { job: 'job-1', code: 'NotJson' } }] },
    ports: { objects: { get: async () => undefined } },
  });

  expect(await differences(other, { ...job, state: inState('dead'), holds: 1, steps: {} }, expected)).toEqual([
    'state: expected succeeded, got dead',
    'holds: expected 0, got 1',
    'tickets: expected 1, got 0',
    'e-mails: expected 1, got 0',
    'reason in the dead-letter queue: expected undefined, got NotJson',
    'state in the S3 record: expected succeeded, got undefined',
    'step ticket: expected done, got undefined',
  ]);
});

test('a job is finished once it has its record, and a dead job once it is also parked', () => {
  const { recordKey: _recordKey, ...unrecorded } = job;
  const dead: JobView = { ...job, state: inState('dead') };
  const unknown: JobView = { ...job, steps: { ...job.steps, confirmation: { status: 'unknown', startedAt: 2 } } };

  expect(finished(job, [])).toBe(true);
  expect(finished(unrecorded, [])).toBe(false);
  expect(finished(undefined, [])).toBe(false);
  expect(finished(unknown, [])).toBe(false);
  expect(finished(dead, [])).toBe(false);
  expect(finished(dead, [{ ...letter, attributes: { job: 'job-1' } }])).toBe(true);
});
