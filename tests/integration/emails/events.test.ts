import { chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import { type EventDeps, eventFolder } from '../../../lib/queues/emails/events/webhook';
import { type AcceptedMail, eventsOf, type SendgridEvent } from '../../../packages/local/fakes/sendgrid';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { jobId, PREFIX } from '../../support/engine';
import { withFaults } from '../../support/faults';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { inviteBody, startTestflight } from '../../support/testflight';
import { postEvents, storedEvents } from '../../support/webhook-request';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
  emails.engine.deps.guard = { bounces: 5, reports: 0.1, refused: 20 };
});
afterEach(() => emails.close());

const post = (events: readonly unknown[], changes: Partial<EventDeps> = {}) =>
  postEvents(emails.engine, events, changes);
const stored = () => storedEvents(emails.engine).map(({ event }) => event);

/** Sends a chunk and returns SendGrid's events about it. */
async function sentChunk({ lost = false } = {}): Promise<SendgridEvent[]> {
  if (lost) emails.sendgrid.fail({ after: 'reset' });
  const campaign = await emails.campaign({ recipients: 3 });
  emails.sendChunk(campaign, 0);
  await emails.engine.drain({ batch: 1, hours: 2 });
  return emails.events();
}

test('events are stored beside their campaign, in the hour of its time, with numbers instead of addresses', async () => {
  const [first, ...others] = await sentChunk();
  const blocked = { event: 'bounce', type: 'blocked', status: '5.7.1' };
  const { engine, chunk } = emails;
  const before = engine.table.writes();

  expect(await post([...others, { ...first, ...blocked, reason: 'user-0@example.com says no' }])).toBe(204);

  const folder = eventFolder(PREFIX, { queue: 'emails', time: chunk(0).time, campaign: CAMPAIGN });
  expect(folder).toBe(`jobs/_events/emails/year=2026/month=01/day=02/hour=03/campaign=${CAMPAIGN}/`);
  expect(engine.objects.keys().filter((key) => key.startsWith(folder))).toHaveLength(1);
  const [delivered, ofChunk] = [{ event: 'delivered' }, { job: chunkId(CAMPAIGN, 0), campaign: CAMPAIGN }];
  const rest = { ...ofChunk, timestamp: expect.any(Number), messageId: expect.stringMatching(/^message-1\./) };
  expect(stored()).toEqual([
    ...[1, 2].map((recipient) => ({ ...delivered, ...rest, recipient })),
    { ...blocked, ...rest, recipient: 0 },
  ]);
  expect(JSON.stringify([engine.lines, engine.metrics])).not.toContain('@example.com');
  // SendGrid has answered, so the job needs no evidence.
  expect(engine.table.writes()).toBe(before + 1);
});

test('the webhook writes no row, but one item for a job, and one for requests that say the same about the same mails', async () => {
  const events = await sentChunk({ lost: true });
  const { table } = emails.engine;
  const before = { row: emails.chunk(0), writes: table.writes() };
  const opened = { ...(events[0] as SendgridEvent), event: 'open' };

  await post(events);
  for (let times = 1; times <= 5; times++) await post([{ ...opened, timestamp: times }]);
  expect(emails.chunk(0)).toEqual(before.row);
  expect(table.writes()).toBe(before.writes + 3);

  await emails.engine.reconcile();
  const written = table.writes();
  for (let times = 1; times <= 5; times++) await post([{ ...opened, timestamp: 10 + times }]);
  expect(table.writes()).toBe(written + 1);
});

test('events about other mails are ignored: of another service or instance, or of a time that no job can have', async () => {
  const [first] = await sentChunk();
  const tomorrow = emails.engine.clock.now() + 25 * 60 * 60_000;
  const { instance: _instance, ...unclaimed } = first as SendgridEvent;
  const foreign = [
    ...[{ email: 'user@example.com', event: 'delivered', timestamp: 1 }, unclaimed, 7, null],
    ...[{ queue: 'feedback' }, { job: 'x' }, { instance: 'another' }].map((change) => ({ ...first, ...change })),
    ...['1', '999999999999999', String(tomorrow)].map((time) => ({ ...first, time })),
  ];

  expect(await post(foreign)).toBe(204);

  expect(stored()).toEqual([]);
});

test.each<[Told, string | undefined, ofGroup?: string]>([
  [{ event: 'bounce', type: 'bounce' }, 'bounced'],
  [{ event: 'bounce', type: 'blocked' }, undefined],
  ['spamreport', 'reported'],
  ['unsubscribe', 'unsubscribed'],
  [{ event: 'group_unsubscribe', asm_group_id: 7 as never }, undefined, 'unsubscribed'],
  ['group_unsubscribe', 'unsubscribed'],
  ['delivered', undefined],
  ['dropped', undefined],
])('SendGrid reports %j: the next campaign leaves the address out as %s', async (event, ofAll, ofGroup = ofAll) => {
  const { engine, suppression, sendgrid } = emails;
  await sentChunk();
  const mails = sendgrid.mails.slice(0, 1);

  await post(eventsAbout(mails, event), { suppression });
  await engine.reconcile();

  const reasons = [await suppression.check(), await suppression.check(7)].map((of) => of(mails[0]?.to[0] ?? ''));
  expect(reasons).toEqual([ofAll, ofGroup]);
  expect(JSON.stringify([engine.lines, engine.metrics])).not.toContain('@example.com');
});

test('events that cannot be stored are sent again', async () => {
  const events = await sentChunk();
  const objects = withFaults(emails.engine.deps.objects, () => 'refused');

  expect(await post(events, { objects })).toBe(503);
});

const BOUNCE = { event: 'bounce', type: 'bounce' };
const BLOCK = { event: 'bounce', type: 'blocked' };
type Told = Parameters<typeof eventsOf>[1];
const eventsAbout = (mails: readonly AcceptedMail[], event: Told) =>
  mails.flatMap((mail) => eventsOf(mail, event, emails.engine.clock.now()));

/** Reports on the first mails in turn, by kinds. */
async function report(...parts: [count: number, event: Told][]): Promise<void> {
  let from = 0;
  for (const [count, event] of parts) {
    expect(await post(eventsAbout(emails.sendgrid.mails.slice(from, from + count), event))).toBe(204);
    from += count;
  }
  await emails.engine.reconcile();
}

test.each<[bad: number, event: Told, of: number, string]>([
  [99, BOUNCE, 99, 'running'],
  [5, BOUNCE, 100, 'running'],
  [6, BOUNCE, 100, '6 of 100 mails bounced: 6 %, more than 5 %'],
  [6, BLOCK, 106, 'running'],
  [2, 'spamreport', 100, 'running'],
  [3, 'spamreport', 100, '3 of 100 mails were reported as spam: 3 %, more than 0.1 %'],
  [60, 'deferred', 159, 'running'],
])('a campaign of which SendGrid reports %i mails as %j of %i: %s', async (bad, event, of, expected) => {
  await emails.campaign({ recipients: 2_000, chunkSize: 100 });
  await emails.minutes(1);

  await report([bad, event], [of - bad, 'delivered']);

  const { status, why } = (await emails.campaigns.read(CAMPAIGN)) ?? {};
  expect(why ?? status).toBe(expected);
  await emails.engine.reconcile();
  const facts = emails.engine.facts.filter(({ on }) => on);
  expect(facts).toMatchObject(why ? [{ fact: 'campaign-paused', subject: CAMPAIGN, note: why }] : []);
});

test('the figures of a campaign count each mail once', async () => {
  await emails.campaign({ recipients: 100, chunkSize: 100 });
  await emails.minutes(1);
  await report([2, BOUNCE], [1, BLOCK], [3, 'dropped'], [4, 'deferred'], [5, 'delivered'], [6, 'spamreport']);
  await report([2, 'delivered'], [19, 'processed'], [7, 'unsubscribe'], [8, 'open']);

  expect((await emails.report()).figures).toEqual({
    ...{ delivered: 5 + 6 + 7 + 8, deferred: 4, bounced: 2, blocked: 1, dropped: 3, reported: 6, unsubscribed: 7 },
  });
});

test('a campaign pauses when SendGrid refuses more than a fifth of its chunks', async () => {
  await emails.campaign({ recipients: 2_000, chunkSize: 100 });
  for (const number of [1, 3]) emails.sendgrid.fail({ bodyContains: chunkId(CAMPAIGN, number), status: 400 });
  await emails.minutes(1);

  await report([200, 'delivered']);

  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'paused', reason: 'TooManyRefused' });
  // The dashboard sums these lines.
  const line = emails.engine.lines.find(({ message }) => message === 'events stored');
  expect(line?.facts).toEqual({ queue: 'emails', count: 200, delivered: 200 });
});

const QUEUES = [
  ['feedback', startFeedback, feedbackBody(), 'confirmation'],
  ['testflight', startTestflight, inviteBody({ notification: { appName: 'Sample' } }), 'notification'],
] as const;
const deliveries = (mails: readonly AcceptedMail[]) => mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at));

test.each(QUEUES)('an event resolves the unknown mail of a %s job that ended', async (queue, start, body, step) => {
  const { engine, sendgrid, close } = await start();
  engine.send(body);
  sendgrid.fail({ after: 'reset' });
  await engine.drain({ batch: 1 });
  const ended = engine.row(jobId(1));

  engine.clock.advance(30 * 60_000);
  await postEvents(engine, deliveries(sendgrid.mails));
  await engine.reconcile();
  await close();

  expect(ended).toMatchObject({ state: 'succeeded', result: { [step]: 'unknown' } });
  const resolved = { result: { [step]: 'sent' }, steps: { [step]: { status: 'done' } } };
  expect(engine.row(jobId(1))).toMatchObject({ ...resolved, endedAt: ended.endedAt });
  expect(Object.values(engine.records())).toMatchObject([resolved]);
  expect(engine.row(jobId(1))).not.toHaveProperty('todo');
  const folder = `jobs/_events/${queue}/year=2026/month=01/day=02/hour=03/campaign=none/`;
  const event = { job: jobId(1), recipient: 0 };
  expect(storedEvents(engine)).toMatchObject([{ key: expect.stringContaining(folder), event }]);
  expect(engine.metrics).toContainEqual({ name: 'EmailEvents', value: 1, dimensions: {} });
});
