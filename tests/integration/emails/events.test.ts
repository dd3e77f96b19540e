import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { type EventDeps, eventFolder } from '../../../lib/emails/events/webhook';
import type { SendgridEvent } from '../../../packages/local/fakes/sendgrid';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { PREFIX } from '../../support/engine';
import { withFaults } from '../../support/faults';
import { postEvents, storedEvents } from '../../support/webhook-request';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
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
  const events = await sentChunk();

  expect(await post(events)).toBe(204);

  const { time } = emails.chunk(0);
  const folder = eventFolder(PREFIX, { queue: 'emails', time, campaign: CAMPAIGN });
  expect(folder).toBe(`jobs/_events/emails/year=2026/month=01/day=02/hour=03/campaign=${CAMPAIGN}/`);
  expect(emails.engine.objects.keys().filter((key) => key.startsWith(folder))).toHaveLength(1);
  expect(stored()).toEqual(
    [0, 1, 2].map((recipient) => ({
      event: 'delivered',
      timestamp: expect.any(Number),
      messageId: expect.stringMatching(/^message-1\./),
      job: chunkId(CAMPAIGN, 0),
      campaign: CAMPAIGN,
      recipient,
    })),
  );
  expect(JSON.stringify([emails.engine.lines, emails.engine.metrics])).not.toContain('@example.com');
});

test('the webhook writes no row, but one item for a job, and one for a request about deliveries', async () => {
  const events = await sentChunk({ lost: true });
  const { table } = emails.engine;
  const before = { row: emails.chunk(0), writes: table.writes() };
  const opened = { ...(events[0] as SendgridEvent), event: 'open' };

  await post(events);
  for (let times = 1; times <= 5; times++) await post([{ ...opened, timestamp: times }]);
  expect(emails.chunk(0)).toEqual(before.row);
  expect(table.writes()).toBe(before.writes + 2);

  await emails.engine.reconcile();
  const written = table.writes();
  for (let times = 1; times <= 5; times++) await post([{ ...opened, timestamp: 10 + times }]);
  expect(table.writes()).toBe(written);
});

test('a bounce also proves that SendGrid had the mail, and its kind is stored', async () => {
  const [first] = await sentChunk({ lost: true });

  await post([{ ...first, event: 'bounce', type: 'blocked', status: '5.7.1', reason: 'user-0@example.com says no' }]);

  await emails.engine.reconcile();
  expect(emails.chunk(0).evidence).toMatchObject({ send: { event: 'bounce' } });
  expect(stored()).toMatchObject([{ event: 'bounce', type: 'blocked', status: '5.7.1' }]);
  expect(JSON.stringify(stored())).not.toContain('@example.com');
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

test('events that cannot be stored are sent again', async () => {
  const events = await sentChunk();
  const objects = withFaults(emails.engine.deps.objects, () => 'refused');

  expect(await post(events, { objects })).toBe(503);
});
