import { checkSchedule } from '../../../resources/rules';

test('the reconciler may run every minute', () => {
  expect(() => checkSchedule([{ schedule: 'rate(1 minute)' }])).not.toThrow();
});

test.each([
  [[{ schedule: 'rate(5 minutes)' }], 'is "rate(5 minutes)"'],
  [[{ schedule: { rate: ['cron(0 * * * ? *)'] } }], 'is {"rate":["cron(0 * * * ? *)"]}'],
  [[{ schedule: 'rate(1 minute)' }, { schedule: 'rate(1 hour)' }], 'is "rate(1 minute)" and "rate(1 hour)"'],
  [[{ sqs: {} }], 'is missing'],
  [undefined, 'is missing'],
])('events %j are refused with function, rule and value', (events, found) => {
  expect(() => checkSchedule(events)).toThrow(`functions.reconciler: schedule must be rate(1 minute), ${found}`);
});
