import { count, hour, oneOf, queue, required, text } from '../../../packages/cli/command';

const NAMES = { queueNames: ['feedback', 'emails'] };

test('an empty option counts as missing', () => {
  expect(text({ code: '' }, 'code')).toBeUndefined();
  expect(text({ code: true }, 'code')).toBeUndefined();
  expect(text({ code: 'x' }, 'code')).toBe('x');
});

test('an hour is read as UTC, and a number has bounds and a default', () => {
  const port = (options: object) => count({ ...options }, 'port', { otherwise: 3900, least: 0, most: 65_535 });

  expect(hour({ hour: '2026-01-02T03' }, 'hour')).toBe(Date.UTC(2026, 0, 2, 3));
  expect([port({ port: '0' }), port({}), port({ port: '65535' })]).toEqual([0, 3900, 65_535]);
});

test.each([
  [() => required({}, 'id'), '--id is required'],
  [() => oneOf({ as: 'gone' }, 'as', ['done', 'skipped']), '--as must be one of done, skipped, is gone'],
  [() => hour({ from: 'yesterday' }, 'from'), '--from must be an hour in UTC like 2026-01-02T03, is yesterday'],
  [() => hour({ from: '2026-13-02T03' }, 'from'), '--from must be an hour in UTC'],
  [() => count({ limit: '-1' }, 'limit', { otherwise: 5 }), '--limit must be a whole number from 1 to 1000000, is -1'],
  [() => count({ at: '9' }, 'at', { otherwise: 5, most: 8 }), '--at must be a whole number from 1 to 8, is 9'],
  [() => queue({ queue: 'feedbak' }, NAMES), 'There is no queue feedbak. --queue must be one of feedback, emails'],
])('the error for an invalid option says what is expected: %#', (read, says) => {
  expect(read).toThrow(says);
});
