import { canaryAlarm } from '../../../lib/alarms/specs/queue';
import { dashboardResources } from '../../../resources/dashboard';
import { queueRow } from '../../support/queue-row';

const rows = [queueRow('feedback'), queueRow('emails', { alarms: { canary: 3 } })];

test('the alarm has one period per canary, and the row sets how many may be late', () => {
  const alarms = rows.map((each) => canaryAlarm(each, { instance: 'acme', minutes: 10 }));

  expect(alarms.map(({ subject, period, periods, datapoints }) => [subject, period, periods, datapoints])).toEqual([
    ['feedback', 600, 3, 2],
    ['emails', 600, 3, 3],
  ]);
});

test('the dashboard does not mention canaries when there are none', () => {
  const context = {
    ...({ service: 'background-jobs', stage: 'prod', instance: 'acme', bucket: 'team-bucket' } as const),
    ...{ prefix: 'jobs', retain: true },
  };
  const body = (canaries: typeof rows) =>
    JSON.stringify(dashboardResources(context, { rows, canaries, alarmNames: [] }));

  expect(body(rows)).toContain('CanaryTime');
  expect(body([])).not.toContain('Canar');
});
