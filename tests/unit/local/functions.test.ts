import { scheduleMs } from '../../../packages/local/functions';

test.each([
  ['rate(1 minute)', 2_000],
  ['rate(5 minutes)', 10_000],
  ['rate(1 hour)', 120_000],
  ['cron(17 3 * * ? *)', 2_880_000],
])('%s takes %i ms on this machine', (expression, ms) => {
  expect(scheduleMs(expression)).toBe(ms);
});
