import { recordOf, rowOfRecord } from '../../../lib/jobs/record';
import type { JobRow } from '../../../lib/jobs/row';
import { blankRow } from '../../../lib/jobs/row';
import { inState } from '../../support/in-state';

const now = Date.parse('2026-01-02T03:04:05.000Z');
const row: JobRow = {
  ...blankRow({ queue: 'feedback', id: '1', time: now, payloadHash: 'h', group: 'g', now }),
  version: 7,
  state: inState('dead'),
  reason: 'error',
  endedAt: now + 1000,
  lease: { token: 'token', until: now, messageId: 'm', alone: true },
  steps: { upload: { status: 'done', startedAt: now, endedAt: now, kept: ['upload-token'] } },
  history: [{ at: now, event: 'dead (error)' }],
  spentMessageIds: ['m'],
};

test('a record has readable times, and no leases, tokens or index attributes', () => {
  const record = JSON.parse(recordOf({ ...row, todo: 'x', expiresAt: 1 })) as Record<string, unknown>;

  expect(record).toMatchObject({
    record: 1,
    version: 7,
    time: '2026-01-02T03:04:05.000Z',
    endedAt: '2026-01-02T03:04:06.000Z',
    history: [{ at: '2026-01-02T03:04:05.000Z' }],
  });
  for (const hidden of ['lease', 'writer', 'key', 'todo', 'expiresAt']) expect(record).not.toHaveProperty(hidden);
  expect(JSON.stringify(record)).not.toContain('token');
});

test('a text that is no record of ours makes no row', () => {
  expect(() => rowOfRecord('{"some":"thing"}', 'k')).toThrow('record: does not parse');
});
