import { messageOf } from '../../../../lib/operate/alarms/embed';
import {
  type AlarmKind,
  type AnyKind,
  alarmName,
  isFact,
  KINDS,
  type Kind,
  parseAlarmName,
} from '../../../../lib/operate/alarms/kinds';
import { notificationOf } from '../../../../lib/operate/alarms/notification';
import { commands, optionsOf } from '../../../../packages/cli/commands';
import { messageSchema } from '../../../../packages/local/fakes/discord';
import { aFact, alarmChange, snsMessage } from '../../../support/alarms';

const place = { instance: 'acme', stage: 'prod', region: 'eu-central-1', queues: ['feedback'], runbook: '' };
const shown = (change: unknown, at = place) => messageOf(notificationOf(snsMessage(change), at), at).embeds[0];
const kinds = Object.keys(KINDS) as AnyKind[];
const field = (change: unknown, name: string, at = place) =>
  shown(change, at)?.fields?.find((each) => each.name === name)?.value;

test('the message of an alarm says what is wrong, with which queue, since when, and which commands to run', () => {
  const embed = shown(alarmChange());

  expect(embed).toMatchObject({
    title: '🔴 acme · feedback: Jobs in the dead-letter queue',
    description: 'These jobs are dead. They need a fix before they can succeed.\nRunbook: docs/runbook.md#dlq-depth',
    timestamp: '2026-01-02T03:04:05.678Z',
    footer: { text: 'acme · prod · eu-central-1' },
  });
  const console = 'https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#';
  expect(embed?.fields?.map(({ name, value }) => [name, value.replace(/ --stage .*`/, '`')])).toEqual([
    ['Queue', 'feedback'],
    ['Value', '3 (alarm from 1)'],
    ['Since', '<t:1767323045:f> (<t:1767323045:R>)'],
    ['Inspect', '`npx sls jobs list --queue feedback --state dead`'],
    ['Next', '`npx sls jobs retry --queue feedback --state dead`'],
    [
      'Links',
      `[Alarm](${console}alarmsV2:alarm/acme-feedback-dlq-depth) · ` +
        `[Logs](${console}logsV2:log-groups/log-group/$252Faws$252Flambda$252Facme-feedback) · ` +
        `[Dashboard](${console}dashboards/dashboard/acme)`,
    ],
  ]);
});

test('the message of a fact gives its details, and its commands name the job', () => {
  const fact = aFact({ fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', jobId: '0190-a', count: 2 });

  const timestamp = '2026-01-02T03:04:05.000Z';
  expect(shown(fact)).toMatchObject({ title: '🔴 acme · feedback: Jobs are dead', timestamp });
  expect(field(fact, 'Details')).toBe('2 jobs, job 0190-a, code Rejected');
  expect(field(fact, 'Next')).toContain('sls jobs retry 0190-a --queue feedback');
  expect(field(fact, 'Links')).not.toContain('[Alarm]');
});

const BELOW = { Threshold: 1, ComparisonOperator: 'LessThanThreshold' };

test.each([
  ['acme-feedback-jobs-slow', '45 s (alarm from 30 s)', '[45000.0 (', { Threshold: 30_000 }],
  ['acme-feedback-error-rate', '3.23 % (alarm from 1 %)', '[3.2258064516129 (', { Threshold: 1 }],
  ['acme-feedback-oldest-message', '2 h 5 min (alarm from 30 min)', '[7500.0 (', { Threshold: 1800 }],
  ['acme-reconciler-missing', 'no data (alarm below 1)', 'no datapoint, taken as [Breaching] (', BELOW],
])('the value of %s is shown as %s', (AlarmName, expected, found, limit) => {
  const NewStateReason = `Threshold Crossed: ${found}02/01/26 03:03:00)]`;
  const Trigger = { ComparisonOperator: 'GreaterThanOrEqualToThreshold', ...limit };

  expect(field(alarmChange({ AlarmName, NewStateReason, Trigger }), 'Value')).toBe(expected);
});

test('the message of an alarm with several values names the one that it is about, and links to the alarm', () => {
  const of = { AlarmContributorAttributes: { code: 'EngineFailed', error: 'TypeError' } };
  const change = alarmChange({ AlarmName: 'acme-bug', ...of });

  expect(field(change, 'Details')).toBe('code EngineFailed TypeError');
  expect(field(change, 'Links')).toContain('alarmsV2:alarm/acme-bug)');
});

test('a runbook with an address is a link', () => {
  const at = { ...place, runbook: 'https://example.com/runbook' };

  expect(shown(alarmChange(), at)?.description).toContain('[Runbook](https://example.com/runbook#dlq-depth)');
});

test.each<[string, unknown]>([
  ['text', 'the disk is full @everyone ```'],
  ['JSON that is not an alarm', { budget: 100 }],
  ['an alarm without a state', { AlarmName: 'x', StateChangeTime: '2026-01-02T03:04:05Z' }],
  ['an alarm of another service', { ...alarmChange(), AlarmName: 'billing' }],
  ['an alarm without a time', { ...alarmChange(), StateChangeTime: 'yesterday' }],
  ['a list', [1, 2]],
  ['nothing', ''],
])('%s on the topic is shown unchanged', (_what, message) => {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const embed = shown(message);

  expect(embed?.description?.replace(/```\n?/g, '').trim()).toBe(text.replace('```', "'''"));
});

const ofKind = (kind: AnyKind, on = true) => {
  const { scope } = KINDS[kind];
  if (isFact(kind)) return aFact({ fact: kind, subject: scope === 'queue' ? 'feedback' : 'zendesk', on });
  const AlarmName = alarmName('acme', kind, scope === 'queue' ? 'feedback' : '');
  return alarmChange({ AlarmName, NewStateValue: on ? 'ALARM' : 'OK' });
};

test('Discord accepts the messages of every kind, when it starts and when it is over', () => {
  for (const kind of kinds)
    for (const on of [true, false]) {
      const message = messageOf(notificationOf(snsMessage(ofKind(kind, on)), place), place);

      expect([kind, messageSchema.safeParse(message).error]).toEqual([kind, undefined]);
      expect(message.embeds[0]?.title).toContain(KINDS[kind].title);
    }
});

test.each([
  ['an expired job, whose body may be gone, so that no search finds it', 'jobs-expired', 'jobs show 0190-a --queue fe'],
  ['the output that names the queue of undelivered ends', 'webhook-undelivered', 'info --verbose'],
] as const)('the first command of a message shows %s', (_what, kind, expected) => {
  const change = { ...ofKind(kind), ...(isFact(kind) && { jobId: '0190-a' }) };

  expect(field(change, 'Inspect')).toContain(`npx sls ${expected}`);
});

test('every command of every kind acts on the client that the message is about, and on no other', () => {
  const commands = kinds.flatMap((kind) =>
    [...JSON.stringify(shown(ofKind(kind))).matchAll(/npx sls [^`]*/g)].map(([text]) => text),
  );
  const option = (command: string, name: string) => new RegExp(` --${name} (\\S+)`).exec(command)?.[1];

  expect(commands.length).toBeGreaterThan(20);
  for (const command of commands) {
    const target = ['param', 'stage', 'region'].map((name) => option(command, name));
    expect([command, ...target]).toEqual([command, 'instance=acme', 'prod', 'eu-central-1']);
  }
});

const queues = ['feedback', 'age', 'dlq'];
const acme = { instance: 'acme', queues };

test("an alarm's kind and subject can be read from its name, whatever the queue is called, if the instance is ours", () => {
  for (const kind of kinds.filter((each): each is AlarmKind => !isFact(each)))
    for (const subject of KINDS[kind].scope === 'queue' ? queues : ['']) {
      expect(parseAlarmName(alarmName('acme', kind, subject), acme)).toEqual({ kind, subject });
      expect(parseAlarmName(alarmName('acme', kind, subject, 2), acme)).toEqual({ kind, subject });
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
const SERVERLESS = { logs: ['-f', '--startTime'], metrics: ['-f'], deploy: [], info: ['--verbose'] };

test('a message names only existing commands and options', () => {
  const own = Object.entries(commands).map(([name, command]): [string, string[]] => [
    name,
    Object.keys(optionsOf(command)).map((option) => `--${option}`),
  ]);
  const optionsByName = new Map([...own, ...Object.entries(SERVERLESS)]);
  for (const kind of kinds)
    for (const text of [KINDS[kind].inspect, (KINDS[kind] as Kind).next ?? 'deploy']) {
      const words = text.split(' ');
      const options = optionsByName.get(words.slice(0, 2).join(' ')) ?? optionsByName.get(words[0] ?? '');

      expect([text, options === undefined]).toEqual([text, false]);
      expect(words.filter((word) => word.startsWith('-') && !options?.includes(word))).toEqual([]);
    }
});
