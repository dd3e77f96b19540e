import type { AlarmDefinition } from '../../../../lib/alarms/judge/definition';
import { type AlarmState, evaluateAlarm } from '../../../../lib/alarms/judge/evaluate';
import { createMetricStore } from '../../../../lib/alarms/judge/metric-store';

const NOW = Date.UTC(2026, 0, 2, 3, 0, 0);
const metric = { namespace: 'n', name: 'M', dimensions: { queue: 'q' } };
const alarm = (changes: Partial<AlarmDefinition> = {}): AlarmDefinition => ({
  ...{ name: 'x', description: '', metrics: { value: { ...metric, statistic: 'Maximum' } }, expression: 'value' },
  ...{ threshold: 5, comparison: 'GreaterThanOrEqualToThreshold', period: 60, periods: 3, datapoints: 3 },
  ...{ silence: 'notBreaching', alarmActions: [], okActions: [] },
  ...changes,
});

/** The state after these values, one per minute, the newest last. */
function stateAfter(values: (number | undefined)[], changes: Partial<AlarmDefinition>, before: AlarmState = 'OK') {
  const store = createMetricStore();
  for (const [index, value] of values.entries())
    if (value !== undefined) store.put(metric, value, NOW - (values.length - index) * 60_000);
  return evaluateAlarm(alarm(changes), { store, now: NOW, before });
}

test.each<[string, (number | undefined)[], Partial<AlarmDefinition>, AlarmState, AlarmState]>([
  ['all values breach', [5, 6, 7], {}, 'OK', 'ALARM'],
  ['one value does not breach', [5, 4, 7], {}, 'ALARM', 'OK'],
  ['missing values that do not breach', [undefined, undefined, undefined], {}, 'ALARM', 'OK'],
  ['missing values that breach', [undefined, undefined, undefined], { silence: 'breaching' }, 'OK', 'ALARM'],
  ['missing values that are ignored', [undefined, undefined, undefined], { silence: 'ignore' }, 'ALARM', 'ALARM'],
  ['an ignored missing value between breaches', [7, undefined, 7], { silence: 'ignore' }, 'OK', 'OK'],
  ['ignored missing values after a good value', [1, undefined, undefined], { silence: 'ignore' }, 'ALARM', 'OK'],
  ['two breaches of three values', [7, 1, 7], { datapoints: 2 }, 'OK', 'ALARM'],
  ['values below a lower limit', [1, 1, 1], { comparison: 'LessThanThreshold' }, 'OK', 'ALARM'],
])('%s', (_what, values, changes, before, expected) => {
  expect(stateAfter(values, changes, before).state).toBe(expected);
});

test('the reason names the newest value first, as CloudWatch does', () => {
  expect(stateAfter([5, 6, 7.5], {}).reason).toBe(
    'Threshold Crossed: 3 out of the last 3 datapoints [7.5 (02/01/26 02:59:00), 6.0 (02/01/26 02:58:00), 5.0 (02/01/26 02:57:00)] was greater than or equal to the threshold (5.0).',
  );
});

test('values before the periods do not count, and a sum covers its whole period', () => {
  const store = createMetricStore();
  for (const minutes of [16, 14, 1]) store.put(metric, 2, NOW - minutes * 60_000);
  const sums = alarm({
    metrics: { value: { ...metric, statistic: 'Sum' } },
    ...{ period: 900, periods: 1, datapoints: 1, threshold: 4 },
  });

  expect(evaluateAlarm(sums, { store, now: NOW, before: 'OK' }).state).toBe('ALARM');
  expect(evaluateAlarm({ ...sums, threshold: 5 }, { store, now: NOW, before: 'ALARM' }).state).toBe('OK');
});
