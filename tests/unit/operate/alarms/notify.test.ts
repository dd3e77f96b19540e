import { PermanentError, StopError, StoreError, TransientError, WaitError } from '../../../../lib/platform/errors';
import { aFact, alarmChange, chat } from '../../../support/alarms';

const down = () => new TransientError({ code: 'DiscordUnavailable', message: '503', status: 503 });
const wait = (waitMs: number) => new WaitError({ code: 'DiscordThrottled', message: '429', status: 429, waitMs });

test('the function itself waits for a short time that Discord asks for', async () => {
  const { notify, taken, clock } = chat([wait(1_500)]);
  const begun = clock.now();

  await notify(alarmChange());

  expect(taken).toHaveLength(1);
  expect(clock.now() - begun).toBe(1_500);
});

test.each<[string, Error[]]>([
  ['a wait longer than the function', [wait(60_000)]],
  ['a wait that leaves no time to store the alarm', [wait(22_000)]],
  ['an outage of Discord', [down()]],
  ['three waits in a row', [wait(100), wait(100), wait(100)]],
  ['a secret that cannot be read', [new StoreError({ code: 'SSM.Down', message: 'down' })]],
])('%s makes the function throw, so that Lambda tries again', async (_what, errors) => {
  const last = errors.at(-1);
  const { notify, taken, kept } = chat(errors);

  await expect(notify(alarmChange())).rejects.toBe(last);

  expect([taken, kept]).toEqual([[], []]);
});

test.each([
  new StopError({ code: 'DiscordWebhookGone', message: '404', status: 404 }),
  new PermanentError({ code: 'DiscordRejected', message: '400', status: 400 }),
])('an alarm that Discord will not take is tried once and stored with the reason: $code', async (error) => {
  const { notify, tried, kept } = chat([error]);

  await notify(alarmChange());

  expect(tried).toHaveLength(1);
  expect(kept).toEqual([{ body: JSON.stringify(alarmChange()), attributes: { code: error.code } }]);
});

test('an alarm is sent without the table, and a table that hangs leaves time for it', async () => {
  const { notify, deps, taken, clock } = chat();
  const begun = clock.now();
  deps.table.get = async () => {
    clock.advance(6_000);
    throw new StoreError({ code: 'DynamoDB.TimeoutError', message: 'no answer' });
  };

  await notify(alarmChange());

  expect(taken).toHaveLength(1);
  expect(clock.now() - begun).toBeLessThan(25_000);
});

test.each<[string, object, { AlarmName: string }]>([
  ['pause#feedback', { at: 1, by: 'user/jane' }, { AlarmName: 'acme-feedback-oldest-message' }],
  ['outages', { outages: [{ since: 1 }] }, { AlarmName: 'acme-feedback-dlq-depth' }],
  ['facts', { facts: [{ kind: 'jobs-dead', subject: 'feedback' }, null] }, { AlarmName: 'acme-feedback-dlq-depth' }],
])('an alarm is sent although the item %s is damaged', async (key, item, alarm) => {
  const { notify, taken, stored } = chat();
  await stored(key, item);

  await notify(alarmChange(alarm));

  expect(taken).toHaveLength(1);
});

test('the message about a DLQ names the codes of the dead jobs, with the first job of each', async () => {
  const { notify, fields, stored } = chat();
  const dead = { kind: 'jobs-dead', subject: 'feedback', sent: true, quiet: true, since: 1 };
  const facts = {
    a: { ...dead, code: 'CrashLoop', count: 1, jobId: '0190-d' },
    b: { ...dead, code: 'ZendeskRejected', count: 4, jobId: '0190-a' },
    c: { ...dead, code: 'Other', subject: 'emails', count: 9, jobId: '0190-x' },
  };
  await stored('facts', { facts });

  await notify(alarmChange());

  expect(fields()[0]?.Errors).toBe('4 jobs: ZendeskRejected (0190-a)\n1 job: CrashLoop (0190-d)');
});

test('the message about failures of the reconciler names the job, its queue, the reason, and the command that shows the job', async () => {
  const { notify, fields, stored } = chat();
  const since = Date.UTC(2026, 0, 2, 3);
  const job = { queue: 'feedback', jobId: '0190-a', times: 7, jobs: 166 };
  const failing = [
    { kind: 'releaseDue', code: 'S3.InvalidObjectState', ...job, since, at: since + 60_000 },
    { kind: 'releaseCampaigns', code: 'DynamoDB.Throttled', jobs: 0, since, at: since },
  ];
  await stored('lease#reconciler', { holder: 'h', until: 0, failing });

  await notify(aFact({ fact: 'reconciler-failing', subject: '' }));

  expect(fields()[0]?.['Failing work']?.split('\n')).toEqual([
    `releaseDue: S3.InvalidObjectState since <t:${since / 1000}:f>, 166 jobs, most often 0190-a (7 times): \`npx sls jobs show 0190-a --queue feedback --stage prod --param instance=acme --region eu-central-1\``,
    `releaseCampaigns: DynamoDB.Throttled since <t:${since / 1000}:f>`,
  ]);
});

const BY_JANE = { at: 1_767_323_000_000, by: 'user/jane', reason: '**Zendesk** moves' };

test('the message about a limited vendor says since when, until when and why, and how to end it', async () => {
  const { notify, taken, stored } = chat();
  const paused = { ...BY_JANE, until: 1_767_324_000_000 };
  await stored('vendor#zendesk', { paused, rate: { ...BY_JANE, perSecond: 5 } });

  for (const code of ['paused', '5 a second']) await notify(aFact({ fact: 'vendor-limited', code }));

  const text = JSON.stringify(taken);
  expect(text.match(/Zendesk\*\* moves/g)).toHaveLength(taken.length);
  expect(text).toContain('until <t:1767324000:f>');
  expect(text).toContain('npx sls vendors resume zendesk --stage prod');
  expect(text).not.toContain('jane');
});

test.each([
  ['VendorDown', 'ZendeskUnavailable', /^The vendor is down\. Wait: a new key does not help\./],
  ['VendorRefuses', 'ZendeskUnauthorized', /^The vendor refuses our calls\. Renew the key/],
])(
  'the message about %s says what the vendor answers, what to do, and when the next trial is',
  async (code, ...rest) => {
    const [answer, text] = rest;
    const { notify, taken, fields, stored } = chat();
    const circuit = { stoppedAt: 1, code: answer, retryAt: 1_767_324_000_000, forbidden: [], transients: 0 };
    await stored('vendor#zendesk', circuit);

    await notify(aFact({ fact: 'circuit-open', code }));

    expect(taken[0]?.embeds?.[0]?.description).toMatch(text);
    expect(fields()[0]).toMatchObject({
      'Its last answer': answer,
      'Next trial call': '<t:1767324000:f> (<t:1767324000:R>), later at most 5 min apart',
      Inspect: expect.stringContaining('sls jobs list --vendor zendesk --state held'),
      Next: expect.stringContaining('sls vendors try zendesk'),
    });
  },
);

test('the message about waiting messages of a paused queue says since when and why, and how to resume', async () => {
  const { notify, fields, stored } = chat();
  await stored('pause#feedback', BY_JANE);

  await notify(alarmChange({ AlarmName: 'acme-feedback-oldest-message' }));
  await notify(alarmChange({ AlarmName: 'acme-feedback-dlq-depth' }));

  const [waiting, dead] = fields();
  expect(waiting).toMatchObject({
    Paused: 'since <t:1767323000:f>\n```\n**Zendesk** moves\n```',
    Next: '`npx sls queues resume --queue feedback --stage prod --param instance=acme --region eu-central-1`',
  });
  expect(dead).not.toHaveProperty('Paused');
});

type Changes = Parameters<typeof alarmChange>[0];
const START = Date.UTC(2026, 0, 2, 3);
const timeOf = (minute: number) => START + minute * 60_000;

/** What the topic publishes when an alarm goes off or ends, or a fact begins or ends, at a minute. */
const changeAt = (minute: number, name: string, changes: Changes) =>
  alarmChange({ AlarmName: `acme-${name}`, StateChangeTime: new Date(timeOf(minute)).toISOString(), ...changes });
const fires = (minute: number, name: string, changes: Changes = {}) =>
  changeAt(minute, name, { NewStateValue: 'ALARM', OldStateValue: 'OK', ...changes });
const ends = (minute: number, name: string, OldStateValue = 'ALARM') =>
  changeAt(minute, name, { NewStateValue: 'OK', OldStateValue });
const fact = (minute: number, about: Parameters<typeof aFact>[0]) =>
  aFact({ at: timeOf(minute), since: timeOf(minute), subject: 'feedback', code: 'Rejected', ...about });

const BUG = '🔴 acme: The code has a fault';
const of = (error: string) => ({ AlarmContributorAttributes: { code: 'EngineFailed', error } });
const LATE = '🔴 acme · feedback: Canaries are late';
const LATE_OVER = '🟢 acme · feedback: Canaries are late (over)';
const WAITED = '🔴 acme · feedback: A message has waited for a long time';
const FAILS = '🔴 acme: A function fails';
const IN_DLQ = '🔴 acme · feedback: Jobs in the dead-letter queue';
const DEAD = '🔴 acme · feedback: Jobs are dead';

const STOPPED = '🔴 acme · zendesk: A vendor does not work';
const OUTAGE = { fact: 'circuit-open', subject: 'zendesk' } as const;

const FIRST = { OldStateValue: 'INSUFFICIENT_DATA' };

test.each<[string, unknown[], string[]]>([
  [
    'two values of one alarm begin and end on their own',
    [
      fires(0, 'bug', of('TypeError')),
      fires(1, 'bug', of('RangeError')),
      changeAt(2, 'bug', { ...of('TypeError'), NewStateValue: 'OK' }),
    ],
    Array(2).fill(BUG).concat('🟢 acme: The code has a fault (over)'),
  ],
  ['the first data of an alarm is not reported', [ends(0, 'feedback-canary-late', FIRST.OldStateValue)], []],
  ['an alarm whose first data fire is reported', [fires(0, 'feedback-canary-late', FIRST)], [LATE]],
  [
    'functions that fail explain what follows on every queue, and a fact that follows',
    [
      ...[fires(0, 'function-errors'), fires(1, 'feedback-canary-late'), fires(2, 'emails-oldest-message')],
      fact(3, { fact: 'messages-returned', subject: 'emails' }),
    ],
    [FAILS],
  ],
  [
    'another queue, and an alarm that does not follow from the first, have messages of their own',
    [
      ...[fires(0, 'feedback-canary-late'), fires(1, 'emails-oldest-message'), fires(2, 'function-errors')],
      fires(4, 'feedback-dlq-depth'),
    ],
    [LATE, '🔴 acme · emails: A message has waited for a long time', FAILS, IN_DLQ],
  ],
  [
    'a fact and its end are two messages, and the last one of an outage is about what began it',
    [
      fact(0, { fact: 'jobs-dead', jobId: '0190-a', count: 12 }),
      ...[fires(3, 'feedback-dlq-depth', { Trigger: { Threshold: 5 } }), fires(15, 'feedback-error-rate')],
      fact(30, { fact: 'jobs-dead', on: false }),
      ...[ends(40, 'feedback-error-rate'), ends(42, 'feedback-dlq-depth')],
    ],
    [DEAD, '🟢 acme · feedback: Jobs are dead (over)'],
  ],
  [
    'the alarm about a DLQ is sent if the chat knows of fewer dead jobs',
    [fact(0, { fact: 'jobs-dead', count: 1 }), fires(3, 'feedback-dlq-depth', { Trigger: { Threshold: 5 } })],
    [DEAD, IN_DLQ],
  ],
  [
    'jobs that die of another code are reported, unless the alarm about their DLQ has just been',
    [
      fires(0, 'feedback-dlq-depth'),
      fact(1, { fact: 'jobs-dead', count: 9 }),
      fact(60, { fact: 'jobs-dead', code: 'CrashLoop', count: 1 }),
    ],
    [IN_DLQ, DEAD],
  ],
  [
    'a vendor that turns from down to a refusal is a message, and one end is for both',
    [
      fact(0, { ...OUTAGE, code: 'VendorDown' }),
      fact(30, { ...OUTAGE, code: 'VendorRefuses' }),
      fact(40, { ...OUTAGE, code: 'VendorDown', on: false }),
      fact(60, { ...OUTAGE, code: 'VendorRefuses', on: false }),
    ],
    [STOPPED, STOPPED, '🟢 acme · zendesk: A vendor does not work (over)'],
  ],
  [
    'after an outage is over, the same alarm is sent again',
    [
      ...[fires(0, 'function-errors'), fires(1, 'feedback-oldest-message'), ends(2, 'function-errors')],
      ...[ends(3, 'feedback-oldest-message'), fires(4, 'feedback-oldest-message')],
    ],
    [FAILS, '🟢 acme: A function fails (over)', WAITED],
  ],
  [
    'an alarm explains no other one after a day, because a removed alarm never ends',
    [fires(0, 'feedback-canary-late'), fires(25 * 60, 'feedback-oldest-message')],
    [LATE, WAITED],
  ],
])('%s', async (_what, changes, expected) => {
  const { notify, titles } = chat();

  for (const change of changes) await notify(change);

  expect(titles()).toEqual(expected);
});

test('a queue that stopped is one message, and a green one without commands says that it recovered and when', async () => {
  const { notify, taken, titles, fields } = chat();
  const kinds = ['canary-late', 'oldest-message', 'jobs-slow'].map((kind) => `feedback-${kind}`);

  for (const [index, kind] of kinds.entries()) await notify(fires(10 + index, kind));
  for (const [index, kind] of kinds.entries()) await notify(ends(53 + index, kind));

  expect(titles()).toEqual([LATE, LATE_OVER]);
  expect(taken[1]?.embeds).toMatchObject([{ description: 'Recovered. It lasted 45 min.', color: 0x3ba55d }]);
  expect(fields()[1]).toEqual({
    ...{ Queue: 'feedback', 'Over since': expect.any(String), Links: expect.any(String) },
    'Also fired': 'A message has waited for a long time\nJobs take too long',
  });
});

const LEFT = 'The dead jobs were retried, discarded or replaced, or their DLQ entries have expired.';

test.each<[string, string[], string]>([
  ['dead jobs alone', ['feedback-dlq-depth'], `${LEFT} It lasted 5 min.`],
  ['something else that left dead jobs', ['feedback-error-rate', 'feedback-dlq-depth'], `${LEFT} It lasted 5 min.`],
  ['something else', ['feedback-canary-late'], 'Recovered. It lasted 5 min.'],
])('a green message says that something recovered only if it did: %s', async (_what, kinds, description) => {
  const { notify, taken } = chat();

  for (const kind of kinds) await notify(fires(0, kind));
  for (const kind of kinds) await notify(ends(5, kind));

  expect(taken.at(-1)?.embeds[0]?.description).toBe(description);
});

test('two alarms of an outage that end at once are one message', async () => {
  const { notify, titles } = chat();

  await notify(fires(0, 'feedback-canary-late'));
  await notify(fires(1, 'feedback-jobs-slow'));
  await Promise.all([notify(ends(5, 'feedback-canary-late')), notify(ends(5, 'feedback-jobs-slow'))]);

  expect(titles()).toEqual([LATE, LATE_OVER]);
});

test('an outage whose end Discord did not take explains nothing more, and the retry says that it is over', async () => {
  const errors: Error[] = [];
  const { notify, taken, titles } = chat(errors);
  await notify(fires(0, 'feedback-canary-late'));
  await notify(fires(1, 'feedback-jobs-slow'));
  await notify(ends(5, 'feedback-canary-late'));

  errors.push(down());
  await expect(notify(ends(6, 'feedback-jobs-slow'))).rejects.toThrow('503');
  await notify(fires(7, 'feedback-oldest-message'));
  await notify(ends(6, 'feedback-jobs-slow'));

  expect(titles()).toEqual([LATE, WAITED, LATE_OVER]);
  expect(taken.at(-1)?.embeds[0]?.description).toBe('Recovered. It lasted 6 min.');
});

test.each(['OK', 'no OK'])('an alarm that Discord takes after %s of it opens its outage once', async (end) => {
  const { notify, titles } = chat([down()]);

  await expect(notify(fires(0, 'feedback-canary-late'))).rejects.toThrow('503');
  if (end === 'OK') await notify(ends(1, 'feedback-canary-late'));
  await notify(fires(0, 'feedback-canary-late'));
  await notify(fires(2, 'feedback-oldest-message'));

  expect(titles().at(-1)).toBe(end === 'OK' ? WAITED : LATE);
});
