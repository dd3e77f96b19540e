import { retryAfterMs } from '../../../lib/vendors/retry-after';

const NOW = Date.parse('2026-03-01T12:00:00Z');

test.each([
  ['seconds', { 'retry-after': '7' }, 7000],
  ['fractions of seconds', { 'retry-after': '1.5' }, 1500],
  ['an HTTP date', { 'retry-after': 'Sun, 01 Mar 2026 12:00:30 GMT' }, 30_000],
  ['seconds since 1970', { 'x-ratelimit-reset': String(NOW / 1000 + 12) }, 12_000],
  [
    'Retry-After rather than X-RateLimit-Reset',
    { 'retry-after': '7', 'x-ratelimit-reset': String(NOW / 1000 + 12) },
    7000,
  ],
])('waits as long as the vendor asks: %s', (_, headers, expected) => {
  expect(retryAfterMs(headers, NOW)).toBe(expected);
});

test.each([
  ['sends no header', {}],
  ['sends unreadable headers', { 'retry-after': 'soon', 'x-ratelimit-reset': 'later' }],
  ['sends an empty header', { 'retry-after': '' }],
  ['sends a header twice', { 'retry-after': ['1', '2'] }],
])('waits a minute for a vendor that %s', (_, headers) => {
  expect(retryAfterMs(headers, NOW)).toBe(60_000);
});

test("waits at least a second, even if the vendor's clock is wrong", () => {
  expect(retryAfterMs({ 'retry-after': '0' }, NOW)).toBe(1000);
  expect(retryAfterMs({ 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' }, NOW)).toBe(1000);
  expect(retryAfterMs({ 'x-ratelimit-reset': '1' }, NOW)).toBe(1000);
});

test('waits at most an hour, even if the vendor uses another unit', () => {
  expect(retryAfterMs({ 'retry-after': '86400' }, NOW)).toBe(3_600_000);
  expect(retryAfterMs({ 'x-ratelimit-reset': String(NOW + 12_000) }, NOW)).toBe(3_600_000);
});
