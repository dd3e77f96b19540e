import { chunkId } from '../../../lib/emails/campaigns/campaign';
import type { AcceptedMail } from '../../../packages/local/fakes/sendgrid';
import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { postEvents } from '../../support/webhook-request';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails({ rate: 100 });
  emails.engine.deps.guard = { bounces: 5, reports: 0.1, refused: 20 };
});
afterEach(() => emails.close());

const campaign = async () => emails.campaigns.read(CAMPAIGN);

const BOUNCE = { event: 'bounce', type: 'bounce' };
const BLOCK = { event: 'bounce', type: 'blocked' };
const eventsAbout = (mails: readonly AcceptedMail[], event: Parameters<typeof eventsOf>[1]) =>
  mails.flatMap((mail) => eventsOf(mail, event, emails.engine.clock.now()));

/** Reports on the first mails in turn, by kinds. */
async function report(...parts: [count: number, event: Parameters<typeof eventsOf>[1]][]): Promise<void> {
  let from = 0;
  for (const [count, event] of parts) {
    const events = eventsAbout(emails.sendgrid.mails.slice(from, from + count), event);
    expect(await postEvents(emails.engine, events)).toBe(204);
    from += count;
  }
  await emails.engine.reconcile();
}

test.each<[bad: number, event: Parameters<typeof eventsOf>[1], of: number, string]>([
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

  const { status, why } = (await campaign()) ?? {};
  expect(why ?? status).toBe(expected);
  await emails.engine.reconcile();
  const facts = emails.engine.facts.filter(({ on }) => on);
  expect(facts).toMatchObject(why ? [{ fact: 'campaign-paused', subject: CAMPAIGN, note: why }] : []);
});

test('each pause is told, although the fact of the one before is still on', async () => {
  await emails.campaign({ recipients: 5_000, chunkSize: 100 });
  for (const pause of [1, 2]) {
    await emails.minutes(1);
    await postEvents(emails.engine, eventsAbout(emails.sendgrid.mails.slice(-400), BOUNCE));
    await emails.minutes(2);
    if (pause === 1) await emails.campaigns.resume(CAMPAIGN);
  }

  const why = '400 of 400 mails bounced: 100 %, more than 5 %';
  const notes = emails.engine.facts.flatMap(({ on, note }) => (on ? [note] : []));
  expect(notes).toEqual([why, `${why}, pause 2`]);
});

test('it pauses when SendGrid refuses more than a fifth of its chunks', async () => {
  const campaignOf = await emails.campaign({ recipients: 2_000, chunkSize: 100 });
  for (const number of [1, 3]) emails.sendgrid.fail({ bodyContains: chunkId(campaignOf.id, number), status: 400 });
  await emails.minutes(1);

  await report([200, 'delivered']);

  expect(await campaign()).toMatchObject({ status: 'paused', reason: 'TooManyRefused' });
  // The dashboard sums these lines.
  const line = emails.engine.lines.find(({ message }) => message === 'events stored');
  expect(line?.facts).toEqual({ queue: 'emails', count: 200, delivered: 200 });
});
