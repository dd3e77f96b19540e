import { accessResources, deployedLength } from '../../../resources/access';
import { instanceAlarms, queueAlarms } from '../../../resources/alarms';
import { dashboardResources } from '../../../resources/dashboard';
import type { QueueRow } from '../../../resources/instances/file';
import { readInstance } from '../../../resources/instances/read';

const { rows: four, ...of } = readInstance('mht-api');
const [feedback] = four;
if (!feedback) throw new Error('the example has no queue');
const more = Array.from({ length: 8 }, (_, index): QueueRow => ({ ...feedback, name: `paymentreminder${index}` }));
const rows = [...four, ...more];
/** Twelve queues with long names, a long name of the instance, and the key whose permissions list each queue. */
const twelve = { ...of, name: 'a'.repeat(32), kmsKey: 'own', rows } as typeof of & { rows: QueueRow[] };
const functions = [...rows.map(({ name }) => name), 'emailEvents', 'hours', 'reconciler', 'verify', 'alarms'];

test('alarms over all functions of twelve queues watch each of them, and none has more than ten metrics', () => {
  const alarms = instanceAlarms(twelve, functions);
  const errors = alarms.filter(({ kind }) => kind === 'function-errors');

  expect(errors.map(({ part }) => part)).toEqual([undefined, 2]);
  expect(errors.flatMap(({ metrics }) => Object.keys(metrics)).sort()).toEqual(
    functions.filter((key) => key !== 'alarms').sort(),
  );
  for (const { metrics } of alarms) expect(Object.keys(metrics).length).toBeLessThanOrEqual(10);
});

test('the dashboard shows the states of all alarms, at most a hundred in a widget', () => {
  const names = rows.flatMap((row) => queueAlarms(row, twelve).map(({ kind }) => `${row.name}-${kind}`));
  const alarmNames = [...names, ...names];
  const { Resources } = dashboardResources(twelve, { functions, alarmNames });
  const { 'Fn::Sub': body } = (Resources?.Dashboard?.Properties.DashboardBody ?? {}) as { 'Fn::Sub': string };
  const { widgets } = JSON.parse(body) as { widgets: { properties: { alarms?: string[] } }[] };

  expect(widgets.flatMap(({ properties: { alarms = [] } }) => alarms)).toHaveLength(alarmNames.length);
  for (const { properties } of widgets) expect(properties.alarms?.length ?? 0).toBeLessThanOrEqual(100);
});

test('no policy is longer than IAM allows. What does not fit is in a second one, with an output of its own', () => {
  const { Resources = {}, Outputs = {} } = accessResources(twelve);
  const policies = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::IAM::ManagedPolicy');

  for (const [id, { Properties }] of policies) {
    expect([id, deployedLength(Properties.PolicyDocument as object) <= 6_144]).toEqual([id, true]);
    expect(Outputs).toHaveProperty(`${id}Arn`);
  }
  expect(policies.map(([id]) => id)).toEqual(expect.arrayContaining(['OperatorPolicy', 'Operator2Policy']));
});
