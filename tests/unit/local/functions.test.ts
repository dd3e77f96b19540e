import { scheduleMs } from '../../../packages/local/functions';

test.each([
  ['rate(1 minute)', 2_000],
  ['rate(5 minutes)', 10_000],
  ['rate(1 hour)', 120_000],
  ['cron(17 3 * * ? *)', 2_880_000],
])('%s takes %i ms on this machine', (expression, ms) => {
  expect(scheduleMs(expression)).toBe(ms);
});

test('the error names a schedule that this machine cannot run', () => {
  expect(() => scheduleMs('cron(0 12 1 * ? *)')).toThrow('schedule cron(0 12 1 * ? *) cannot run on this machine');
});
