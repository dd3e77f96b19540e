import {
  type AlarmKind,
  type AnyKind,
  alarmName,
  isFact,
  KINDS,
  type Kind,
  parseAlarmName,
} from '../../../lib/alarms/kinds';
import { commands, optionsOf } from '../../../packages/cli/commands';

const kinds = Object.keys(KINDS) as AnyKind[];
const alarms = kinds.filter((kind): kind is AlarmKind => !isFact(kind));

const queues = ['feedback', 'age', 'dlq'];
const acme = { instance: 'acme', queues };
const subjectsOf = (kind: AlarmKind) => (KINDS[kind].scope === 'queue' ? queues : ['']);

test("an alarm's kind and subject can be read from its name, whatever the queue is called, if the instance is ours", () => {
  for (const kind of alarms)
    for (const subject of subjectsOf(kind)) {
      expect(parseAlarmName(alarmName('acme', kind, subject), acme)).toEqual({ kind, subject });
      expect(parseAlarmName(alarmName('acme-staging', kind, subject), acme)).toBeUndefined();
    }
});

test.each([
  'billing',
  'acme-feedback-surprise',
  'other-feedback-dlq-depth',
  'acme-oldest-held',
  'acme-feedback-jobs-dead',
])('%s is not read as one of our alarms', (name) => {
  expect(parseAlarmName(name, acme)).toBeUndefined();
});

/** Commands of Serverless itself, with the options that messages use. */
const SERVERLESS: Record<string, string[]> = {
  logs: ['-f', '--startTime'],
  metrics: ['-f'],
  deploy: [],
  info: ['--verbose'],
};

test('a message names only existing commands and options', () => {
  const own = new Map<string, string[]>(
    Object.entries(commands).map(([name, command]) => [
      name,
      Object.keys(optionsOf(command)).map((option) => `--${option}`),
    ]),
  );
  for (const kind of kinds)
    for (const text of [KINDS[kind].inspect, (KINDS[kind] as Kind).next ?? 'deploy']) {
      const words = text.split(' ');
      const name = own.has(words.slice(0, 2).join(' ')) ? words.slice(0, 2).join(' ') : (words[0] ?? '');
      const options = own.get(name) ?? SERVERLESS[name];

      expect([text, options === undefined]).toEqual([text, false]);
      expect(words.filter((word) => word.startsWith('-') && !options?.includes(word))).toEqual([]);
    }
});
