import { type AlarmKind, alarmName, KINDS, parseAlarmName } from '../../../lib/alarms/kinds';

const kinds = Object.keys(KINDS) as AlarmKind[];

test("an alarm's name tells its kind and its subject, whatever they are called", () => {
  for (const kind of kinds)
    for (const subject of ['feedback', 'email-events', 'age', 'dlq', 'reconciler']) {
      const about = KINDS[kind].scope === 'instance' ? '' : subject;
      const parsed = parseAlarmName(alarmName('acme', kind, about), 'acme');

      // A queue that is named like the end of a kind would be one too many.
      if (!kinds.includes(`${about}-${kind}` as AlarmKind)) expect(parsed).toEqual({ kind, subject: about });
    }
});

test('no other name is taken for one of ours', () => {
  expect(parseAlarmName('billing', 'acme')).toBeUndefined();
  expect(parseAlarmName('acme-feedback-surprise', 'acme')).toBeUndefined();
  expect(parseAlarmName('other-feedback-age', 'acme')).toBeUndefined();
  expect(parseAlarmName('acme-age', 'acme')).toBeUndefined();
});
