import { StopError, TransientError } from '../../../lib/platform/errors';
import { retryAfterMs, vendorCalls } from '../../../lib/platform/http';
import { zendesk as dialect } from '../../../lib/queues/feedback/zendesk';
import { secretOf } from '../../support/vendors';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 3_600_000;

test.each([
  ['as many seconds as the vendor says', { 'retry-after': '7' }, 7000],
  ['fractions of seconds', { 'retry-after': '1.5' }, 1500],
  ['until an HTTP date', { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, 30_000],
  ['until a time in seconds since 1970', { 'x-ratelimit-reset': String(NOW / 1000 + 12) }, 12_000],
  ['by Retry-After first', { 'retry-after': '7', 'x-ratelimit-reset': String(NOW / 1000 + 12) }, 7000],
  ['a minute without a header', {}, MINUTE],
  ['a minute after unreadable headers', { 'retry-after': 'soon', 'x-ratelimit-reset': 'later' }, MINUTE],
  ['a minute after empty headers', { 'retry-after': '', 'x-ratelimit-reset': '' }, MINUTE],
  ['at least a second', { 'retry-after': '0' }, 1000],
  ['at least a second after a date in the past', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 1000],
  ['at least a second after a reset in the past', { 'x-ratelimit-reset': '1' }, 1000],
  ['at most an hour', { 'retry-after': '86400' }, HOUR],
  ['at most an hour, if the vendor sends milliseconds', { 'x-ratelimit-reset': String(NOW + 12_000) }, HOUR],
])('waits %s', (_, headers, expected) => {
  expect(retryAfterMs(headers, NOW)).toBe(expected);
});

describe('a call', () => {
  const unauthorized = new StopError({ code: 'Unauthorized', message: 'refused', status: 401 });
  const callsWith = (secret: ReturnType<typeof secretOf>) => vendorCalls({ dialect, secret, now: () => 0 });
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test('has the time that the first try left for the second one', async () => {
    const given: [string, number][] = [];

    const result = await callsWith(secretOf('old', 'new'))('once', 1000, async ({ secret, timeoutMs }) => {
      given.push([secret, timeoutMs]);
      jest.advanceTimersByTime(400);
      if (secret === 'old') throw unauthorized;
      return 'done';
    });

    expect(result).toBe('done');
    expect(given).toEqual([
      ['old', 1000],
      ['new', 600],
    ]);
  });

  test.each([
    ['once more after a 401', unauthorized, 1],
    ['once after a failure', new TransientError({ code: 'Unavailable', message: 'failed', status: 500 }), 0],
    ['once after another refusal', new StopError({ code: 'Misconfigured', message: 'moved', status: 301 }), 0],
  ])('is made %s', async (_, error, fresh) => {
    const secret = secretOf('a', 'b', 'c');

    await expect(callsWith(secret)('once', 1000, () => Promise.reject(error))).rejects.toBe(error);
    expect(secret.asked).toBe(fresh);
  });
});
