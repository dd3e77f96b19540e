import { type AlarmKind, alarmName, KINDS, parseAlarmName } from '../../../lib/alarms/kinds';
import { commands } from '../../../lib/ops/commands';

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

/** Of Serverless itself, with the options that a message names. */
const SERVERLESS: Record<string, string[]> = {
  logs: ['-f', '--startTime'],
  metrics: ['-f'],
  deploy: ['--param'],
  info: [],
};

test('a message names only commands that exist, with options that they have', () => {
  const own = new Map<string, string[]>(
    Object.entries(commands).map(([name, command]) => [
      name,
      Object.keys('options' in command ? command.options : {}).map((option) => `--${option}`),
    ]),
  );
  for (const kind of kinds)
    for (const text of [KINDS[kind].look, KINDS[kind].mend]) {
      const words = text.split(' ');
      const name = own.has(words.slice(0, 2).join(' ')) ? words.slice(0, 2).join(' ') : (words[0] ?? '');
      const options = own.get(name) ?? SERVERLESS[name];

      expect([text, options === undefined]).toEqual([text, false]);
      expect(words.filter((word) => word.startsWith('-') && !options?.includes(word))).toEqual([]);
    }
});
