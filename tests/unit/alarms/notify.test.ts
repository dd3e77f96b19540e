import { PermanentError, StopError, StoreError, TransientError, WaitError } from '../../../lib/errors';
import { aFact, alarmChange, chat } from '../../support/alarms';

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

test.each([
  ['is not reported', 'OK', 0],
  ['is reported if the alarm fires', 'ALARM', 1],
] as const)('the first data of an alarm %s', async (_what, NewStateValue, messages) => {
  const { notify, taken } = chat();

  await notify(alarmChange({ NewStateValue, OldStateValue: 'INSUFFICIENT_DATA' }));

  expect(taken).toHaveLength(messages);
});

test('the message about a DLQ names the codes of the dead jobs, with the first job of each', async () => {
  const { notify, fields, items } = chat();
  const dead = { kind: 'jobs-dead', subject: 'feedback', sent: true, quiet: true, since: 1 };
  items.facts = {
    ...{ key: 'facts', version: 1, writer: '' },
    facts: {
      a: { ...dead, code: 'CrashLoop', count: 1, jobId: '0190-d' },
      b: { ...dead, code: 'ZendeskRejected', count: 4, jobId: '0190-a' },
      c: { ...dead, code: 'Other', subject: 'emails', count: 9, jobId: '0190-x' },
    },
  };

  await notify(alarmChange());

  expect(fields()[0]?.Errors).toBe('4 jobs: ZendeskRejected (0190-a)\n1 job: CrashLoop (0190-d)');
});

test('the message about failures of the reconciler names the job, its queue, the reason, and the command that shows the job', async () => {
  const { notify, fields, items } = chat();
  const since = Date.UTC(2026, 0, 2, 3);
  items['lease#reconciler'] = {
    ...{ key: 'lease#reconciler', version: 1, writer: '', holder: 'h', until: 0 },
    failing: [
      {
        ...{ queue: 'feedback', kind: 'releaseDue', jobId: '0190-a', code: 'S3.InvalidObjectState' },
        ...{ times: 7, jobs: 166, since, at: since + 60_000 },
      },
      { kind: 'releaseCampaigns', code: 'DynamoDB.Throttled', jobs: 0, since, at: since },
    ],
  };

  await notify(aFact({ fact: 'reconciler-failing', subject: '' }));

  expect(fields()[0]?.['Failing work']?.split('\n')).toEqual([
    `releaseDue: S3.InvalidObjectState since <t:${since / 1000}:f>, 166 jobs, most often 0190-a (7 times): \`npx sls jobs show 0190-a --queue feedback --stage prod --param instance=acme --region eu-central-1\``,
    `releaseCampaigns: DynamoDB.Throttled since <t:${since / 1000}:f>`,
  ]);
});

test('the message about a limited vendor says since when, until when and why, and how to end it', async () => {
  const { notify, taken, items } = chat();
  const limit = { at: 1_767_323_000_000, by: 'user/jane', reason: '**Zendesk** moves' };
  const item = { paused: { ...limit, until: 1_767_324_000_000 }, rate: { ...limit, perSecond: 5 } };
  items['vendor#zendesk'] = { key: 'vendor#zendesk', version: 1, writer: '', ...item };

  for (const code of ['paused', '5 a second']) await notify(aFact({ fact: 'vendor-limited', code }));

  const text = JSON.stringify(taken);
  expect(text.match(/Zendesk\*\* moves/g)).toHaveLength(taken.length);
  expect(text).toContain('until <t:1767324000:f>');
  expect(text).toContain('npx sls vendors resume zendesk --stage prod');
  expect(text).not.toContain('jane');
});

test('the message about waiting messages of a paused queue says since when and why, and how to resume', async () => {
  const { notify, fields, items } = chat();
  items['pause#feedback'] = {
    ...{ key: 'pause#feedback', version: 1, writer: '' },
    ...{ at: 1_767_323_000_000, by: 'user/jane', reason: '**Zendesk** moves' },
  };

  await notify(alarmChange({ AlarmName: 'acme-feedback-oldest-message' }));
  await notify(alarmChange({ AlarmName: 'acme-feedback-dlq-depth' }));

  const [waiting, dead] = fields();
  expect(waiting).toMatchObject({
    Paused: 'since <t:1767323000:f>\n```\n**Zendesk** moves\n```',
    Next: '`npx sls queues resume --queue feedback --stage prod --param instance=acme --region eu-central-1`',
  });
  expect(dead).not.toHaveProperty('Paused');
});

const START = Date.UTC(2026, 0, 2, 3);
const MINUTE = 60_000;

/** The chat, which first answers with these errors, and alarms that go off and end at a minute. */
function overMinutes(errors: Error[] = []) {
  const { taken, titles, fields, notify } = chat(errors);
  const change = async (minute: number, name: string, changes: Parameters<typeof alarmChange>[0]) => {
    const StateChangeTime = new Date(START + minute * MINUTE).toISOString();
    await notify(alarmChange({ AlarmName: `acme-${name}`, StateChangeTime, ...changes }));
  };
  return {
    ...{ messages: taken, titles, fields },
    fires: (minute: number, name: string, changes: Parameters<typeof alarmChange>[0] = {}) =>
      change(minute, name, { NewStateValue: 'ALARM', OldStateValue: 'OK', ...changes }),
    ends: (minute: number, name: string) => change(minute, name, { NewStateValue: 'OK', OldStateValue: 'ALARM' }),
    fact: (minute: number, fact: Parameters<typeof aFact>[0]) =>
      notify(aFact({ at: START + minute * MINUTE, since: START + minute * MINUTE, ...fact })),
  };
}

test('a queue that stopped is one message, and a green one without commands says that it recovered and when', async () => {
  const { messages, fires, ends, titles, fields } = overMinutes();

  await fires(10, 'feedback-canary-late');
  await fires(30, 'feedback-oldest-message');
  await fires(35, 'feedback-jobs-slow');
  await ends(50, 'feedback-canary-late');
  await ends(51, 'feedback-jobs-slow');
  await ends(55, 'feedback-oldest-message');

  expect(titles()).toEqual(['🔴 acme · feedback: Canaries are late', '🟢 acme · feedback: Canaries are late (over)']);
  expect(messages[1]?.embeds).toMatchObject([{ description: 'Recovered. It lasted 45 min.', color: 0x3ba55d }]);
  expect(fields()[1]).toEqual({
    ...{ Queue: 'feedback', 'Over since': expect.any(String), Links: expect.any(String) },
    'Also fired': 'A message has waited for a long time\nJobs take too long',
  });
});

test('functions that fail explain what follows on every queue, and a fact that follows', async () => {
  const { fires, fact, titles } = overMinutes();

  await fires(0, 'function-errors');
  await fires(1, 'feedback-canary-late');
  await fires(2, 'emails-oldest-message');
  await fact(3, { fact: 'messages-returned', subject: 'emails', code: undefined });

  expect(titles()).toEqual(['🔴 acme: A function fails']);
});

test('another queue, and an alarm that does not follow from the first, have messages of their own', async () => {
  const { fires, titles } = overMinutes();

  await fires(0, 'feedback-canary-late');
  await fires(1, 'emails-oldest-message');
  await fires(2, 'function-errors');
  await fires(3, 'feedback-oldest-held');
  await fires(4, 'feedback-dlq-depth');

  expect(titles()).toHaveLength(5);
});

test('a fact and its end are two messages, and the last one of an outage is about what began it', async () => {
  const { messages, fires, ends, fact, titles } = overMinutes();

  await fact(0, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', jobId: '0190-a', count: 12 });
  await fires(3, 'feedback-dlq-depth', { Trigger: { Threshold: 5 } });
  await fires(15, 'feedback-error-rate');
  await fact(30, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', on: false });
  await ends(40, 'feedback-error-rate');
  await ends(42, 'feedback-dlq-depth');

  expect(titles()).toEqual(['🔴 acme · feedback: Jobs are dead', '🟢 acme · feedback: Jobs are dead (over)']);
  expect(messages.at(-1)?.embeds[0]?.description).toBe('Recovered. It lasted 42 min.');
});

test('the alarm about a DLQ is sent if the chat knows of fewer dead jobs', async () => {
  const { fires, fact, titles } = overMinutes();

  await fact(0, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', count: 1 });
  await fires(3, 'feedback-dlq-depth', { Trigger: { Threshold: 5 } });

  expect(titles()).toHaveLength(2);
});

test('jobs that die of another code are reported, unless the alarm about their DLQ has just been', async () => {
  const { fires, fact, titles } = overMinutes();

  await fires(0, 'feedback-dlq-depth');
  await fact(1, { fact: 'jobs-dead', subject: 'feedback', code: 'Rejected', count: 9 });
  await fact(60, { fact: 'jobs-dead', subject: 'feedback', code: 'CrashLoop', count: 1 });

  expect(titles()).toEqual(['🔴 acme · feedback: Jobs in the dead-letter queue', '🔴 acme · feedback: Jobs are dead']);
});

test('after an outage is over, the same alarm is sent again', async () => {
  const { fires, ends, titles } = overMinutes();

  await fires(0, 'function-errors');
  await fires(1, 'feedback-oldest-message');
  await ends(2, 'function-errors');
  await ends(3, 'feedback-oldest-message');
  await fires(4, 'feedback-oldest-message');

  expect(titles()).toHaveLength(3);
});

test('two alarms of an outage that end at once are one message', async () => {
  const { fires, ends, titles } = overMinutes();

  await fires(0, 'feedback-canary-late');
  await fires(1, 'feedback-jobs-slow');
  await Promise.all([ends(5, 'feedback-canary-late'), ends(5, 'feedback-jobs-slow')]);

  expect(titles()).toEqual(['🔴 acme · feedback: Canaries are late', '🟢 acme · feedback: Canaries are late (over)']);
});

test('an outage whose end Discord did not take explains nothing more, and the retry says that it is over', async () => {
  const errors: Error[] = [];
  const { messages, fires, ends, titles } = overMinutes(errors);
  await fires(0, 'feedback-canary-late');
  await fires(1, 'feedback-jobs-slow');
  await ends(5, 'feedback-canary-late');

  errors.push(down());
  await expect(ends(6, 'feedback-jobs-slow')).rejects.toThrow('503');
  await fires(7, 'feedback-oldest-message');
  await ends(6, 'feedback-jobs-slow');

  expect(titles().slice(1)).toEqual([
    '🔴 acme · feedback: A message has waited for a long time',
    '🟢 acme · feedback: Canaries are late (over)',
  ]);
  expect(messages.at(-1)?.embeds[0]?.description).toBe('Recovered. It lasted 6 min.');
});

test.each(['OK', 'no OK'])('an alarm that Discord takes after %s of it opens its outage once', async (end) => {
  const { fires, ends, titles } = overMinutes([down()]);

  await expect(fires(0, 'feedback-canary-late')).rejects.toThrow('503');
  if (end === 'OK') await ends(1, 'feedback-canary-late');
  await fires(0, 'feedback-canary-late');
  await fires(2, 'feedback-oldest-message');

  expect(titles().at(-1)).toContain(end === 'OK' ? 'A message has waited' : 'Canaries are late');
});

test('an alarm explains no other one after a day, because a removed alarm never ends', async () => {
  const { fires, titles } = overMinutes();

  await fires(0, 'feedback-canary-late');
  await fires(25 * 60, 'feedback-oldest-message');

  expect(titles()).toHaveLength(2);
});
