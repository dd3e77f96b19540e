import { type AlarmKind, alarmName, KINDS, parseAlarmName } from '../../../lib/alarms/kinds';
import { commands } from '../../../lib/cli/commands';

const kinds = Object.keys(KINDS) as AlarmKind[];

test("an alarm's kind and subject can be read from its name, whatever the subject is called", () => {
  for (const kind of kinds)
    for (const subject of ['feedback', 'email-events', 'age', 'dlq', 'reconciler']) {
      const about = KINDS[kind].scope === 'instance' ? '' : subject;
      const parsed = parseAlarmName(alarmName('acme', kind, about), 'acme');

      // Some names would be ambiguous: a queue `dlq` with the kind `age` looks like the kind `dlq-age`.
      if (!kinds.includes(`${about}-${kind}` as AlarmKind)) expect(parsed).toEqual({ kind, subject: about });
    }
});

test('a name of another format is not read as one of our alarms', () => {
  expect(parseAlarmName('billing', 'acme')).toBeUndefined();
  expect(parseAlarmName('acme-feedback-surprise', 'acme')).toBeUndefined();
  expect(parseAlarmName('other-feedback-age', 'acme')).toBeUndefined();
  expect(parseAlarmName('acme-age', 'acme')).toBeUndefined();
});

/** Commands of Serverless itself, with the options that messages use. */
const SERVERLESS: Record<string, string[]> = {
  logs: ['-f', '--startTime'],
  metrics: ['-f'],
  deploy: ['--param'],
  info: [],
};

test('a message names only existing commands and options', () => {
  const own = new Map<string, string[]>(
    Object.entries(commands).map(([name, command]) => [
      name,
      Object.keys('options' in command ? command.options : {}).map((option) => `--${option}`),
    ]),
  );
  for (const kind of kinds)
    for (const text of [KINDS[kind].look, KINDS[kind].next]) {
      const words = text.split(' ');
      const name = own.has(words.slice(0, 2).join(' ')) ? words.slice(0, 2).join(' ') : (words[0] ?? '');
      const options = own.get(name) ?? SERVERLESS[name];

      expect([text, options === undefined]).toEqual([text, false]);
      expect(words.filter((word) => word.startsWith('-') && !options?.includes(word))).toEqual([]);
    }
});
