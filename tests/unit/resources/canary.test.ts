import { canaryAlarm, parseCanaryEvery } from '../../../resources/canary';
import { parseContext } from '../../../resources/context';
import { dashboardResources } from '../../../resources/dashboard';
import { parseQueueTable } from '../../../resources/queue-table';
import { parseThresholds } from '../../../resources/thresholds';

const stage = parseThresholds({
  ...{ dlqDepth: 1, dlqAge: 864_000, held: 3600, age: 1800, backlog: 1000, stalled: 1500 },
  ...{ errorRate: 1, errorRateJobs: 100, canary: 2, finish: 30 },
});
const row = { type: 'fifo', retention: 604_800, visibility: 300, receives: 3, batch: 1, ordered: false };
const rows = parseQueueTable({ feedback: row, emails: { ...row, alarms: { canary: 3 } } });

test('the alarm has one period per canary, and the stage or the row sets how many may be late', () => {
  const alarms = rows.map((each) => canaryAlarm(each, { instance: 'acme', stage, minutes: 10 }));

  expect(alarms.map(({ subject, period, periods, datapoints }) => [subject, period, periods, datapoints])).toEqual([
    ['feedback', 600, 3, 2],
    ['emails', 600, 3, 3],
  ]);
});

test.each([
  ['5', 5],
  [0, 0],
  ['480', 480],
])('canaryEvery accepts %p', (value, minutes) => expect(parseCanaryEvery(value)).toBe(minutes));

test.each([
  ['481', 'param canaryEvery: must be <= 480, is "481"'],
  ['soon', 'param canaryEvery: must be a whole number, is "soon"'],
])('canaryEvery refuses %p with its name and the rule', (value, problem) =>
  expect(() => parseCanaryEvery(value)).toThrow(problem),
);

test('the dashboard does not mention canaries when there are none', () => {
  const context = parseContext({
    ...{ service: 'background-jobs', stage: 'prod', instance: 'acme', bucket: 'team-bucket' },
    ...{ prefix: 'jobs', retain: true },
  });
  const body = (canaries: typeof rows) =>
    JSON.stringify(dashboardResources(context, { rows, canaries, alarmNames: [] }));

  expect(body(rows)).toContain('CanaryTime');
  expect(body([])).not.toContain('Canar');
});
