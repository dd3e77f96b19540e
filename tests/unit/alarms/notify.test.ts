import { PermanentError, StopError, StoreError, TransientError, WaitError } from '../../../lib/errors';
import { aFact, alarmChange, chat } from '../../support/alarms';

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
  ['an outage of Discord', [new TransientError({ code: 'DiscordUnavailable', message: '503', status: 503 })]],
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

test('a table that hangs leaves time to send the message', async () => {
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
