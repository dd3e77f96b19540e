import fc from 'fast-check';
import { messageOf, plainMessage, type Told } from '../../../lib/alarms/embed';
import { alarmArn } from '../../../lib/alarms/judge/change';
import { alarmName, KINDS } from '../../../lib/alarms/kinds';
import { notificationOf } from '../../../lib/alarms/notification';
import { checkMessage } from '../../../lib/local/fakes/discord-rules';
import { alarmChange, snsMessage } from '../../support/alarms';

const place = { instance: 'acme', stage: 'prod', region: 'eu-central-1', queues: ['feedback'] };
const shown = (change: unknown, exits?: Told['exits']) =>
  messageOf(notificationOf(snsMessage(change)), place, exits && { exits }).embeds[0];
const field = (change: unknown, name: string, exits?: Told['exits']) =>
  shown(change, exits)?.fields?.find((each) => each.name === name)?.value;

test.each([
  ['eu-central-1', 'https://eu-central-1.console.aws.amazon.com/'],
  ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/'],
  ['us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/'],
])('links lead to the console of the partition of %s', (region, console) => {
  const AlarmArn = alarmArn(region, '123456789012', alarmName('acme', 'incidents'));

  expect(field(alarmChange({ AlarmArn }), 'Links')).toContain(console);
});

test('the message of an alarm says what is wrong, with which queue, since when, and which commands to run', () => {
  const embed = shown(alarmChange());

  expect(embed).toEqual({
    title: '🔴 acme · feedback: Jobs in the dead-letter queue',
    description: 'These jobs are dead. They need a fix before they can succeed.\nRunbook: docs/runbook.md#dlq-depth',
    color: 0xd83c3e,
    timestamp: '2026-01-02T03:04:05.678Z',
    fields: [
      { name: 'Queue', value: 'feedback', inline: true },
      { name: 'Value', value: '3 (alarm from 1)', inline: true },
      { name: 'Since', value: '<t:1767323045:f> (<t:1767323045:R>)', inline: true },
      {
        name: 'Look',
        value:
          '`npx sls jobs list --state dead --queue feedback --stage prod --param instance=acme --region eu-central-1`',
      },
      {
        name: 'Next',
        value:
          '`npx sls jobs retry --state dead --queue feedback --stage prod --param instance=acme --region eu-central-1`',
      },
      {
        name: 'Links',
        value: [
          '[Alarm](https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#alarmsV2:alarm/acme-feedback-dlq-depth)',
          '[Logs](https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/$252Faws$252Flambda$252Facme-feedback)',
          '[Dashboard](https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/acme)',
        ].join(' · '),
      },
    ],
    footer: { text: 'acme · prod · eu-central-1' },
  });
});

test('the message of an alarm that is over is green and has no commands', () => {
  const embed = shown(alarmChange({ NewStateValue: 'OK', OldStateValue: 'ALARM' }));

  expect(embed).toMatchObject({ title: '🟢 acme · feedback: Jobs in the dead-letter queue (over)', color: 0x3ba55d });
  expect(embed?.fields?.map(({ name }) => name)).toEqual(['Queue', 'Value', 'Over since', 'Links']);
});

test('the message about an empty DLQ says why it is empty', () => {
  const over = alarmChange({ NewStateValue: 'OK', OldStateValue: 'ALARM' });

  expect(field(over, 'Why the queue is empty', { redriven: 3, discarded: 1 })).toBe(
    '3 redriven or retried\n1 discarded by an operator',
  );
  expect(field(over, 'Why the queue is empty', { expired: 2 })).toContain('2 expired');
  expect(field(over, 'Why the queue is empty', {})).toContain('Was the DLQ purged by hand?');
});

test.each([
  ['slow', 'value', '[45000.0 (', 30_000, '45 s (alarm from 30 s)'],
  ['error-rate', 'value', '[3.2258064516129 (', 1, '3.23 % (alarm from 1 %)'],
  ['age', 'value', '[7500.0 (', 1800, '2 h 5 min (alarm from 30 min)'],
  ['dlq-age', 'value', '[864060.0 (', 864_000, '10 d (alarm from 10 d)'],
] as const)('the value of %s is shown in its unit', (kind, _name, reason, Threshold, expected) => {
  const change = alarmChange({
    AlarmName: alarmName('acme', kind, 'feedback'),
    NewStateReason: `Threshold Crossed: 1 datapoint ${reason}02/01/26 03:03:00)]`,
    Trigger: { Threshold, ComparisonOperator: 'GreaterThanOrEqualToThreshold' },
  });

  expect(field(change, 'Value')).toBe(expected);
});

test('a missing value is shown as no data, and a threshold may be a lower limit', () => {
  const change = alarmChange({
    AlarmName: 'acme-reconciler',
    NewStateReason:
      'Threshold Crossed: no datapoints were received for 5 periods and 5 missing datapoints were treated as [Breaching].',
    Trigger: { Threshold: 1, ComparisonOperator: 'LessThanThreshold' },
  });

  expect(shown(change)?.title).toBe('🔴 acme: The reconciler does not run');
  expect(field(change, 'Value')).toBe('no data (alarm below 1)');
});

test("the link to a function's log uses its deployed name", () => {
  const embed = shown(alarmChange({ AlarmName: 'acme-emailEvents-errors' }));

  expect(embed?.fields?.find(({ name }) => name === 'Look')?.value).toContain('logs -f emailEvents');
  expect(embed?.fields?.find(({ name }) => name === 'Links')?.value).toContain(
    '$252Faws$252Flambda$252Facme-email-events)',
  );
});

test('a runbook with an address is a link', () => {
  const change = alarmChange({ AlarmDescription: 'It failed. Runbook: https://example.com/runbook#dlq-depth' });

  expect(shown(change)?.description).toContain('[Runbook](https://example.com/runbook#dlq-depth)');
});

test('an alarm of another service is shown with its name and reason', () => {
  const embed = shown(alarmChange({ AlarmName: 'billing', NewStateReason: 'Threshold Crossed' }));

  expect(embed?.title).toBe('🔴 acme · billing: ALARM');
  expect(embed?.description).toContain('Threshold Crossed');
});

test.each<[string, unknown]>([
  ['text', 'the disk is full @everyone ```'],
  ['JSON that is not an alarm', { budget: 100 }],
  ['an alarm without a state', { AlarmName: 'x', StateChangeTime: '2026-01-02T03:04:05Z' }],
  ['an alarm without a time', { ...alarmChange(), StateChangeTime: 'yesterday' }],
  ['a list', [1, 2]],
  ['nothing', ''],
])('%s on the topic is shown unchanged', (_what, message) => {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  const embed = shown(message);

  expect(embed?.description?.replace(/```\n?/g, '').trim()).toBe(text.replace('```', "'''"));
});

const SUBJECTS = { queue: 'feedback', function: 'emailEvents', vendor: 'app-store-connect' };

test('Discord accepts the messages of every kind of alarm, when it starts and when it is over', () => {
  for (const [kind, { scope }] of Object.entries(KINDS))
    for (const NewStateValue of ['ALARM', 'OK'] as const) {
      const AlarmName = scope === 'instance' ? `acme-${kind}` : `acme-${SUBJECTS[scope]}-${kind}`;
      const message = messageOf({ alarm: alarmChange({ AlarmName, NewStateValue }) }, place, {
        exits: { redriven: 1 },
      });

      expect([kind, checkMessage(message)]).toEqual([kind, { message: expect.anything() }]);
      expect(message.embeds[0]?.title).toContain(KINDS[kind as keyof typeof KINDS].title);
    }
});

test('every command of every alarm acts on the client that the alarm is about, and on no other', () => {
  const commands = Object.entries(KINDS).flatMap(([kind, { scope }]) => {
    const AlarmName = scope === 'instance' ? `acme-${kind}` : `acme-${SUBJECTS[scope]}-${kind}`;
    return [...JSON.stringify(shown(alarmChange({ AlarmName }))).matchAll(/npx sls [^`]*/g)].map(([text]) => text);
  });
  const option = (command: string, name: string) => new RegExp(` --${name} (\\S+)`).exec(command)?.[1];

  expect(commands.length).toBeGreaterThan(20);
  for (const command of commands)
    expect([command, option(command, 'param'), option(command, 'stage'), option(command, 'region')]).toEqual([
      command,
      'instance=acme',
      'prod',
      'eu-central-1',
    ]);
});

test("any message from the topic fits into Discord's limits, with and without an embed", () => {
  const long = fc.string({ unit: 'binary', maxLength: 9000 }).map((text) => text.repeat(3));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.record({ Subject: long, Message: long }),
        fc
          .record({
            AlarmName: fc.oneof(long, fc.constant('acme-feedback-age')),
            AlarmDescription: long,
            NewStateReason: long,
            AlarmArn: long,
          })
          .map((changes) => snsMessage(alarmChange(changes))),
      ),
      (sns) => {
        const message = messageOf(notificationOf(sns), place);

        expect(checkMessage(message)).toEqual({ message: expect.anything() });
        expect(checkMessage(plainMessage(message))).toEqual({ message: expect.anything() });
      },
    ),
    { numRuns: 200 },
  );
});

test('the message about a DLQ says how many jobs died of which code, with the first ids', () => {
  const causes = [
    { code: 'ZendeskRejected', jobs: 4, first: ['0190-a', '0190-b', '0190-c'] },
    { code: 'CrashLoop', jobs: 1, first: ['0190-d'] },
  ];
  const [embed] = messageOf(notificationOf(snsMessage(alarmChange())), place, { causes }).embeds;

  expect(embed?.fields?.find(({ name }) => name === 'Why')?.value).toBe(
    '4 jobs: ZendeskRejected (0190-a, 0190-b, 0190-c, …)\n1 job: CrashLoop (0190-d)',
  );
});

test('the message about a held job names job, reason and code, and its command shows that job', () => {
  const held = alarmChange({ AlarmName: 'acme-feedback-held' });
  const behind = { jobId: '0190-a', reason: 'throttled', code: 'Throttled' };
  const [embed] = messageOf(notificationOf(snsMessage(held)), place, { behind }).embeds;
  const fieldOf = (name: string) => embed?.fields?.find((each) => each.name === name)?.value;

  expect(fieldOf('What is behind it')).toBe('job 0190-a, reason throttled, code Throttled');
  expect(fieldOf('Next')).toContain('npx sls jobs show 0190-a --queue feedback ');
});
