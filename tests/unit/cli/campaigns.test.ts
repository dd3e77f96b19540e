import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { OperatorError } from '../../../lib/operate/ops/operator';
import { chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import type { CampaignContent } from '../../../lib/queues/emails/message';
import { unfinishedWork } from '../../../packages/cli/preflight';
import { type AcceptedMail, eventsOf } from '../../../packages/local/fakes/sendgrid';
import { testedConsole } from '../../support/console';
import { aContent, CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { envelope, jobId, PREFIX } from '../../support/engine';
import { command } from '../../support/operator';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

const run = (name: Parameters<typeof command>[1], options: Parameters<typeof command>[2] = {}) =>
  command({ deps: { ...emails.engine.deps, suppression: emails.suppression } }, name, options);

/** The options that select the deployment of the test. */
const ACME = '--stage prod --param instance=acme --region eu-central-1';

const email = (n: number) => `user-${n}@example.com`;

/** A campaign of four chunks: accepted, refused, without an answer, and not released. Three mails of the first failed. */
async function reported() {
  const content = aContent({ unsubscribe: { group: 1 } });
  const campaign = await emails.campaign({ recipients: 35, name: 'Spring', content });
  await emails.suppression.add([{ email: email(3), reason: 'bounced' }]);
  emails.sendgrid.fail({ bodyContains: chunkId(CAMPAIGN, 1), status: 400 });
  emails.sendgrid.fail({ bodyContains: chunkId(CAMPAIGN, 2), after: 'reset' });
  for (const number of [0, 1, 2]) {
    emails.sendChunk(campaign, number);
    await emails.engine.deliver(1);
  }
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, released: 3, open: [2] }));
  const of = (n: number, event: { event: string; [field: string]: string }) =>
    eventsOf(emails.sendgrid.mails[n] as AcceptedMail, event, emails.engine.clock.now());
  // SendGrid drops the mail of the first recipient, and the server of the second one refuses it.
  await emails.tell([
    ...of(0, { event: 'dropped', reason: 'Spam Reporting Address' }),
    ...of(1, { event: 'bounce', type: 'bounce', status: '5.1.1', reason: `no ${email(1)}` }),
  ]);
}

test('sls campaign report counts every recipient once, and names the jobs that wait for a person. --failed names recipients', async () => {
  await reported();

  const { lines } = await run('campaign report', { id: CAMPAIGN });
  const { json } = await run('campaign report', { id: CAMPAIGN, json: true });

  const text = lines.join('\n');
  expect(text).toMatch(/accepted +8\n +suppressed +2\n +refused +10\n +unknown +10\n +cancelled +0\n/);
  expect(text).toMatch(/not released +5\n +3 of 4 chunks released\n/);
  expect(text).toContain(`npx sls jobs settle ID --step send --as ANSWER ${ACME}\n  ${chunkId(CAMPAIGN, 2)}`);
  expect(text).toContain(`npx sls jobs retry ID ${ACME}\n  ${chunkId(CAMPAIGN, 1)}`);
  const jobs = { unknown: [chunkId(CAMPAIGN, 2)], refused: [chunkId(CAMPAIGN, 1)] };
  const counts = { recipients: 35, accepted: 8, suppressed: 2, refused: 10, unknown: 10, notReleased: 5 };
  const suppressedBy = { bounced: 1, 'Spam Reporting Address': 1 };
  expect(json).toMatchObject({ campaign: CAMPAIGN, ...counts, suppressedBy, jobs });
  expect(JSON.stringify(json)).not.toContain('@');
  await expect(run('campaign report', { id: jobId(1) })).rejects.toThrow(/^There is no campaign .* sls jobs show /);

  // As CSV, while the list exists.
  const failed = () => run('campaign report', { id: CAMPAIGN, failed: true });
  expect((await failed()).lines).toEqual([
    'email,outcome,reason',
    `${email(0)},suppressed,Spam Reporting Address`,
    `${email(1)},bounced,bounce 5.1.1`,
    `${email(3)},suppressed,bounced`,
    ...Array.from({ length: 10 }, (_, n) => `${email(10 + n)},refused,SendgridRejected`),
  ]);
  const page = await testedConsole(emails.engine);
  const { json: saved } = await page.post('failed', { id: CAMPAIGN });
  await page.close();
  expect(saved.csv).toBe((await failed()).lines.map((line) => `${line}\r\n`).join(''));
  for (const key of await emails.engine.objects.list(`${PREFIX}/_data/emails/`))
    await emails.engine.objects.delete(key);
  await expect(failed()).rejects.toThrow(
    new OperatorError(`Campaign ${CAMPAIGN}: data.manifest: an object of the campaign is gone.`),
  );
});

const LINK = 'https://example.com/{{token}}';
const PLAIN = { templateId: undefined, subject: 'Hi {{token}}', text: 'Hi {{name|you}}' };
test.each<[string, Partial<CampaignContent>, object]>([
  [
    'with a template',
    { unsubscribe: { link: LINK } },
    { templateData: { n: 0, token: 't-0' }, headers: { 'List-Unsubscribe': '<https://example.com/t-0>' } },
  ],
  ['without one', PLAIN, { subject: 'Hi {{1}}', substitutions: { '{{1}}': 't-0', '{{2}}': 'User 0' } }],
])('sls campaign test sends one mail of a campaign %s', async (_, content, mail) => {
  await emails.campaign({ content: aContent(content) });

  const { lines } = await run('campaign test', { id: CAMPAIGN, to: 'me@example.org' });
  await emails.engine.deliver(1);

  expect(lines[0]).toContain('Its links are those of recipient 1.');
  expect(emails.sendgrid.mails).toMatchObject([{ to: ['me@example.org'], from: 'news@example.com', ...mail }]);
  expect(await emails.report()).toMatchObject({ accepted: 0, events: {} });
  await expect(run('campaign test', { id: CAMPAIGN, to: 'me' })).rejects.toThrow('--to must be an address.');
});

/** A draft in a file, whose recipients are in another one. */
function draftIn(changes: object): string {
  const [file, list] = ['json', 'csv'].map((ending) => join(tmpdir(), `draft-${process.pid}.${ending}`));
  writeFileSync(list ?? '', 'email,name,token\na@b.de,A,t-1\nnobody,,\nc@d.de,,t-2\n');
  const recipients = basename(list ?? '');
  const from = { email: 'news@example.com' };
  writeFileSync(
    file ?? '',
    JSON.stringify({ from, ...PLAIN, name: 'Spring', unsubscribe: { link: LINK }, recipients, ...changes }),
  );
  return file ?? '';
}

test('sls campaign preview shows the mail of one recipient, from a draft or of an accepted campaign', async () => {
  await emails.campaign({ content: aContent({ unsubscribe: { link: LINK } }) });

  const { lines } = await run('campaign preview', { id: draftIn({ html: '<b>{{token}}</b>' }), recipient: '2' });
  const { lines: accepted } = await run('campaign preview', { id: CAMPAIGN, recipient: '12' });

  expect(lines).toEqual([
    'Recipient 2 of 2: c@d.de. Of 3 lines, 1 would be rejected and 0 are there twice.',
    ...['Subject: Hi t-2', 'Unsubscribe: https://example.com/t-2', '', 'Hi you', '', '<b>t-2</b>'],
  ]);
  expect(accepted).toEqual([
    'Recipient 12 of 30: user-11@example.com.',
    'SendGrid fills in the dynamic template d-00000000000000000000000000000000. It gets this data:',
    ...['Unsubscribe: https://example.com/t-11', '', '{', '  "n": 11,', '  "token": "t-11"', '}'],
  ]);
});

test.each<[string, object, Record<string, string>, string]>([
  ['a list that lacks a value', { subject: 'Hi {{name}}' }, {}, 'recipients: need a value for each placeholder'],
  ['a recipient who is not there', {}, { recipient: '3' }, 'numbers.0: must be at most 2'],
  ['recipients that are not there', { recipients: 'none.csv' }, {}, 'none.csv: cannot be read (ENOENT)'],
  ['no recipients', { recipients: 7 }, {}, 'recipients: must be a list'],
])('a draft with %s is refused by preview and test', async (_, changes, options, why) => {
  const id = draftIn(changes);

  await expect(run('campaign preview', { id, ...options })).rejects.toThrow(why);
  await expect(run('campaign test', { id, ...options, to: 'me@example.org' })).rejects.toThrow(why);
});

test('sls campaign test sends a draft with its unsubscribe headers or group, before anything is accepted', async () => {
  const options = { to: 'me@example.org', recipient: '2' };
  await run('campaign test', { id: draftIn({}), ...options });
  await run('campaign test', { id: draftIn({ unsubscribe: { group: 7 } }), ...options });
  await emails.engine.deliver(2);

  const headers = {
    'List-Unsubscribe': '<https://example.com/t-2>',
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  };
  const sent = { to: ['me@example.org'], substitutions: { '{{1}}': 't-2', '{{2}}': 'you' } };
  expect(emails.sendgrid.mails).toMatchObject([
    { ...sent, headers },
    { ...sent, headers: {} },
  ]);
  expect(JSON.parse(emails.sendgrid.requests[1]?.body ?? '')).toMatchObject({ asm: { group_id: 7 } });
  expect(emails.engine.objects.keys().filter((key) => key.includes('_data/'))).toEqual([]);
});

test('sls campaign list --csv has the figures of each campaign', async () => {
  await emails.campaign({ name: 'Spring, "2"', recipients: 10 });
  await emails.minutes(1);
  await emails.tell(emails.events().slice(0, 7));
  await emails.engine.reconcile();

  const { lines } = await run('campaign list', { day: '2026-01-02', csv: true });

  expect(lines).toEqual([
    'id,name,status,recipients,sent,delivered,deferred,bounced,blocked,dropped,reported,unsubscribed',
    `${CAMPAIGN},"Spring, ""2""",ended,10,10,7,0,0,0,0,0,0`,
  ]);
});

test('sls campaign list shows those that have not ended, with why they are paused; --day shows all of that day', async () => {
  await emails.campaign({ recipients: 35, name: 'Spring' });
  const other = await emails.campaign({ id: jobId(101) });
  await emails.campaigns.pause(CAMPAIGN, 'SendgridUnauthorized');
  await emails.campaigns.change(other.id, (stored) => ({ ...stored, status: 'ended', endedAt: stored.time }));

  const { lines } = await run('campaign list');
  const ofDay = await run('campaign list', { day: '2026-01-02', json: true });
  const ofNextDay = await run('campaign list', { day: '2026-01-03' });

  expect(lines).toEqual([
    'ID                                    NAME    STATUS                         RECIPIENTS  RELEASED       ACCEPTED (UTC)',
    `${CAMPAIGN}  Spring  paused (SendgridUnauthorized)  35          0 of 4 chunks  2026-01-02 03:04:05`,
  ]);
  const ended = { id: other.id, status: 'ended', ended: '2026-01-02T03:04:05.000Z' };
  const campaigns = [{ id: CAMPAIGN, reason: 'SendgridUnauthorized' }, ended];
  expect(ofDay.json).toMatchObject({ campaigns, more: false });
  expect(ofNextDay.lines).toEqual(['No campaigns.']);
  await expect(run('campaign list', { day: '2026-01' })).rejects.toThrow('--day must be a day in UTC like 2026-01-02');
});

test('sls campaign pause, resume and cancel say what was, what is and how many mails still go out, or that it is too late', async () => {
  const calls = new EventEmitter();
  await emails.close();
  emails = await startEmails({
    before: async (call) => {
      if (calls.emit(call)) await once(calls, 'answer');
    },
  });
  const campaign = await emails.campaign();
  emails.sendChunk(campaign, 0);
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, released: 1, open: [0] }));
  const sending = once(calls, 'sendgrid.send');
  const delivered = emails.engine.deliver(1);
  await sending;
  const said = async (name: 'campaign pause' | 'campaign resume' | 'campaign cancel') =>
    (await run(name, { id: CAMPAIGN })).lines[0];
  const underWay = '10 mails under way may still go out.';

  expect(await said('campaign pause')).toBe(`campaign ${CAMPAIGN}: was running, is paused (operator). ${underWay}`);
  expect(await said('campaign pause')).toContain('was paused (operator), is paused');
  expect(await said('campaign resume')).toMatch(/was paused \(operator\), is running\.$/);
  expect(await said('campaign cancel')).toContain(`was running, is cancelled. ${underWay}`);
  for (const act of ['resume', 'pause'] as const)
    await expect(run(`campaign ${act}`, { id: CAMPAIGN })).rejects.toThrow(`is cancelled: there is nothing to ${act}.`);
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, status: 'ended' }));
  await expect(run('campaign cancel', { id: CAMPAIGN })).rejects.toThrow('there is nothing to cancel.');
  expect((await emails.campaigns.read(CAMPAIGN))?.status).toBe('ended');
  calls.emit('answer');
  await delivered;
});

test('sls campaign report --watch shows the rate at which SendGrid accepts, and the end, until the campaign pauses', async () => {
  const { engine } = emails;
  await emails.campaign({ recipients: 2_000, chunkSize: 50 });
  const sleep = engine.clock.sleep;
  let polls = 0;
  engine.deps.clock = {
    ...engine.clock,
    sleep: async (ms) => {
      await sleep(ms);
      if (ms !== 2_000) return;
      await engine.reconcile();
      while (engine.inQueue() > 0) await engine.deliver(1);
      await engine.reconcile();
      if (++polls === 3) await emails.campaigns.pause(CAMPAIGN, 'TooManyBounces');
    },
  };

  const { progress, lines } = await run('campaign report', { id: CAMPAIGN, watch: true });

  expect(progress.map(([, , text]) => text)).toEqual([
    '[..........] 0 of 2000',
    '[#.........] 300 of 2000',
    expect.stringMatching(/^\[#{3,5}\.+\] \d+ of 2000, [1-9]\d(\.\d)?\/s, ends 03:04:\d\d$/),
    undefined,
  ]);
  expect(lines[0]).toBe(`campaign ${CAMPAIGN}: paused (TooManyBounces)`);
  expect(lines[1]).toBe(`  Go on: npx sls campaign resume ${CAMPAIGN} ${ACME}`);
});

test("SendGrid's own export is added, and lines without an address are named by number only", async () => {
  const file = join(tmpdir(), `bounces-${process.pid}.csv`);
  const csv = 'status,reason,email,created\n5.1.1,"550, no",A@example.com,1\n5.1.1,no,nobody,2\n4.0,,b@example.com,3\n';
  writeFileSync(file, csv);

  await expect(run('suppress add', { file, as: 'bounced' })).rejects.toThrow(new OperatorError('1 line not added.'));
  const lines = [
    await run('suppress add', { email: 'a@example.com' }),
    await run('suppress show', { email: 'A@example.com' }),
    await run('suppress remove', { email: 'b@example.com' }),
    await run('suppress remove', { email: 'b@example.com' }),
    await run('suppress show', { email: 'b@example.com' }),
  ].flatMap((recorded) => recorded.lines);

  expect(lines).toEqual([
    '0 added, 1 listed before. The list has 2 addresses.',
    'The address gets no mail of campaigns: bounced.',
    'The address was removed.',
    'The address was not listed.',
    'The address is not listed.',
  ]);
});

test.each<[Record<string, string>, string]>([
  [{}, 'Give --email or --file.'],
  [{ email: 'a@example.com', as: 'bored' }, '--as must be one of unsubscribed, bounced, reported, erased, is bored.'],
  [{ file: '/nowhere.csv' }, '/nowhere.csv: cannot be read (ENOENT).'],
])('sls suppress add %j is refused: %s', async (options, why) => {
  await expect(run('suppress add', options)).rejects.toThrow(new OperatorError(why));
});

test('work that has not ended is a campaign until it ends, and a dead job, also in a queue that the file no longer names', async () => {
  const { deps, clock } = emails.engine;
  const count = () => unfinishedWork({ ...deps, queueNames: ['feedback'] }, ['feedback', 'emails']);
  expect(await count()).toBe(0);

  await emails.campaign();
  expect(await count()).toBe(1);
  await emails.campaigns.pause(CAMPAIGN, 'operator');
  expect(await count()).toBe(1);
  await emails.campaigns.cancel(CAMPAIGN);
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, endedAt: clock.now() }));
  expect(await count()).toBe(0);

  // It can still be retried.
  await emails.engine.sendAndDeliver(envelope(1, { type: 'unknown' }));
  expect(await count()).toBe(1);
});
