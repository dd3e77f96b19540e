import { retryAfterMs } from '../../../lib/vendors/translate';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 3_600_000;

test.each<[string, Record<string, string | string[]>, number]>([
  ['as many seconds as the vendor says', { 'retry-after': '7' }, 7000],
  ['fractions of seconds', { 'retry-after': '1.5' }, 1500],
  ['until an HTTP date', { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, 30_000],
  ['until a time in seconds since 1970', { 'x-ratelimit-reset': String(NOW / 1000 + 12) }, 12_000],
  ['by Retry-After first', { 'retry-after': '7', 'x-ratelimit-reset': String(NOW / 1000 + 12) }, 7000],
  ['a minute without a header', {}, MINUTE],
  ['a minute after unreadable headers', { 'retry-after': 'soon', 'x-ratelimit-reset': 'later' }, MINUTE],
  ['a minute after an empty header', { 'retry-after': '' }, MINUTE],
  ['a minute after a header that came twice', { 'retry-after': ['1', '2'] }, MINUTE],
  ['at least a second', { 'retry-after': '0' }, 1000],
  ['at least a second after a date in the past', { 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, 1000],
  ['at least a second after a reset in the past', { 'x-ratelimit-reset': '1' }, 1000],
  ['at most an hour', { 'retry-after': '86400' }, HOUR],
  ['at most an hour, if the vendor sends milliseconds', { 'x-ratelimit-reset': String(NOW + 12_000) }, HOUR],
])('waits %s', (_, headers, expected) => {
  expect(retryAfterMs(headers, NOW)).toBe(expected);
});
