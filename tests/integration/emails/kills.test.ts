import { eventVerifier } from '../../../lib/emails/events/verify';
import { eventWebhook } from '../../../lib/emails/events/webhook';
import { campaignReport } from '../../../lib/emails/report';
import { eventKeys, eventsOf } from '../../../lib/local/fakes/sendgrid-events';
import { createProducer } from '../../../lib/producer/producer';
import { CAMPAIGN, type Emails, startEmails, TEMPLATE } from '../../support/emails';
import { createKills } from '../../support/kills';
import { webhookRequest } from '../../support/webhook-request';

const keys = eventKeys();
const RECIPIENTS = 25;

type Killed = 'release' | 'worker' | 'worker whose request is refused for one recipient' | 'webhook';

/** Runs a campaign and kills the first invocation of one function at its n-th call. Then everything runs on. */
async function killed(what: Killed, kill: { call: number; when: 'before' | 'after' }) {
  const kills = createKills();
  const emails = await startEmails({ rate: 1, before: kills.before, after: kills.after });
  const { engine } = emails;
  await emails.campaign({ recipients: RECIPIENTS, chunkSize: 10 });
  const verify = eventVerifier([keys.publicKey], engine.clock.now);
  const told = new Set<string>();
  const webhook = async () => {
    const mails = emails.sendgrid.mails.filter(
      ({ customArgs }) => !told.has(customArgs.recipient + String(customArgs.job)),
    );
    if (mails.length === 0) return;
    const events = mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at));
    const webhook = eventWebhook({ ...engine.deps, clock: engine.clock, verify });
    const { statusCode } = await webhook(webhookRequest(events, keys, engine.clock.now()));
    // SendGrid repeats a request that had no 2xx answer.
    if (statusCode === 204) for (const { customArgs } of mails) told.add(customArgs.recipient + String(customArgs.job));
  };

  let outcome: 'done' | 'died';
  if (what === 'release') outcome = await kills.run(() => engine.reconcile(), kill);
  else {
    await engine.reconcile();
    if (what === 'worker whose request is refused for one recipient')
      emails.sendgrid.fail({ status: 400, body: { errors: [{ message: 'bad', field: 'personalizations.3.to' }] } });
    outcome = await kills.run(() => engine.deliver(1), what === 'webhook' ? undefined : kill);
    if (what === 'webhook') outcome = await kills.run(webhook, kill);
  }
  for (let hour = 0; hour < 2; hour++) {
    engine.clock.advance(600_000);
    await engine.drain({ batch: 1, hours: 1 });
    await webhook();
  }
  const campaign = await emails.campaigns.read(CAMPAIGN);
  if (!campaign) throw new Error('the campaign is gone');
  const report = await campaignReport(engine.deps, campaign);
  await emails.close();
  return { emails, report, outcome };
}

const LEAST_CALLS: Record<Killed, number> = {
  release: 10,
  worker: 12,
  'worker whose request is refused for one recipient': 20,
  webhook: 2,
};

const addresses = ({ sendgrid }: Emails) => sendgrid.mails.map(({ to }) => to[0]);

describe.each<Killed>(['release', 'worker', 'worker whose request is refused for one recipient', 'webhook'])(
  'when the %s is killed at any of its calls',
  (what) => {
    test.each(['before', 'after'] as const)(
      '%s the call takes effect, no recipient gets two mails and the numbers are exact',
      async (when) => {
        let call = 1;
        for (; ; call++) {
          const { emails, report, outcome } = await killed(what, { call, when });

          const at = { what, when, call };
          const sent = addresses(emails);
          expect({ ...at, twice: sent.length - new Set(sent).size }).toEqual({ ...at, twice: 0 });
          // Without an answer and an event the chunk is unknown. It waits for an operator, and the report counts it so.
          const { accepted, refused, unknown } = report;
          const leftOut = unknown === 0 ? RECIPIENTS - sent.length : refused;
          expect({ ...at, accepted, refused, unknown }).toEqual({
            ...at,
            accepted: sent.length,
            refused: leftOut,
            unknown: RECIPIENTS - sent.length - leftOut,
          });
          expect(leftOut).toBeLessThanOrEqual(what.includes('refused') ? 1 : 0);
          expect({ ...at, delivered: report.events.delivered }).toEqual({ ...at, delivered: sent.length });
          expect({ ...at, status: report.status }).toEqual({
            ...at,
            status: unknown === 0 ? 'ended' : 'running',
          });
          if (outcome === 'done') break;
        }

        expect(call).toBeGreaterThan(LEAST_CALLS[what]);
      },
      120_000,
    );
  },
);

test.each([
  [3, 'before'],
  [6, 'after'],
  [9, 'before'],
  [12, 'after'],
] as const)(
  'a campaign ends with exact numbers if producer, release, worker and webhook each die at call %i, or their last, %s it takes effect',
  async (call, when) => {
    const kills = createKills();
    const emails = await startEmails({ rate: 1, before: kills.before, after: kills.after });
    const { engine, sendgrid } = emails;
    const producer = createProducer({ ...engine.deps, source: '/api', emailRate: 4 });
    const verify = eventVerifier([keys.publicKey], engine.clock.now);
    const accept = () =>
      producer.campaign(
        { from: { email: 'news@example.com' }, templateId: TEMPLATE, transactional: true },
        Array.from({ length: RECIPIENTS }, (_, n) => ({ email: `user-${n}@example.com` })),
        { key: 'spring', principal: 'client-1' },
      );
    const webhook = () => {
      const events = sendgrid.mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at));
      const signed = webhookRequest(events, keys, engine.clock.now());
      return eventWebhook({ ...engine.deps, clock: engine.clock, verify })(signed);
    };

    const died = [await kills.run(accept, { call: Math.min(call, 7), when })];
    const { id } = await accept();
    died.push(await kills.run(() => engine.deliver(1), { call: Math.min(call, 7), when }));
    engine.clock.advance(900_000);
    await engine.deliver(1);
    died.push(await kills.run(() => engine.reconcile(), { call, when }));
    engine.clock.advance(900_000);
    await engine.reconcile();
    died.push(await kills.run(() => engine.deliver(1), { call, when }));
    engine.clock.advance(900_000);
    // The first chunk may be unknown and have no event, so here is one.
    await engine.deliver(1);
    await engine.deliver(1);
    died.push(await kills.run(webhook, { call: Math.min(call, 2), when }));
    for (let hour = 0; hour < 2; hour++) {
      await engine.drain({ batch: 1, hours: 1 });
      await webhook();
    }

    const sent = addresses(emails);
    const report = await producer.campaigns.report(id);
    await emails.close();
    expect(died).toEqual(Array(5).fill('died'));
    expect(new Set(sent).size).toBe(sent.length);
    expect(report).toMatchObject({
      requested: RECIPIENTS,
      recipients: RECIPIENTS,
      accepted: sent.length,
      unknown: RECIPIENTS - sent.length,
      events: { delivered: sent.length },
      status: sent.length === RECIPIENTS ? 'ended' : 'running',
    });
    expect(sent.length).toBeGreaterThanOrEqual(RECIPIENTS - 10);
  },
);
