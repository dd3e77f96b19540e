import { handleEvents } from '../../../lib/emails/events/handler';
import { eventVerifier } from '../../../lib/emails/events/verify';
import { campaignReport } from '../../../lib/emails/report';
import { eventKeys, eventsOf, signedEvents } from '../../../lib/local/fakes/sendgrid-events';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { createKills } from '../../support/kills';

const keys = eventKeys();
const RECIPIENTS = 25;

/** A campaign whose first invocation of one function is killed at its n-th call; then everything runs on. */
async function killed(what: 'release' | 'worker' | 'webhook', kill: { call: number; when: 'before' | 'after' }) {
  const kills = createKills();
  const emails = await startEmails({ rate: 1, before: kills.before, after: kills.after });
  const { engine } = emails;
  await emails.campaign({ recipients: RECIPIENTS, chunkSize: 10 });
  const verify = eventVerifier(keys.publicKey, engine.clock.now);
  const told = new Set<string>();
  const webhook = async () => {
    const mails = emails.sendgrid.mails.filter(
      ({ customArgs }) => !told.has(customArgs.recipient + String(customArgs.job)),
    );
    if (mails.length === 0) return;
    const events = mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at));
    const { body, headers } = signedEvents(events, keys, engine.clock.now());
    const { statusCode } = await handleEvents(
      { ...engine.deps, clock: engine.clock, verify },
      { body, headers, isBase64Encoded: false },
    );
    // What was not answered by 2xx is sent again.
    if (statusCode === 204) for (const { customArgs } of mails) told.add(customArgs.recipient + String(customArgs.job));
  };

  let outcome: 'done' | 'died';
  if (what === 'release') outcome = await kills.run(() => engine.reconcile(), kill);
  else {
    await engine.reconcile();
    outcome = await kills.run(() => engine.deliver(1), what === 'worker' ? kill : undefined);
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

const addresses = ({ sendgrid }: Emails) => sendgrid.mails.map(({ to }) => to[0]);

describe.each(['release', 'worker', 'webhook'] as const)('the %s, killed at any one of its calls', (what) => {
  test.each(['before', 'after'] as const)(
    '%s the call takes effect: nobody gets two mails, and the numbers are exact',
    async (when) => {
      let call = 1;
      for (; ; call++) {
        const { emails, report, outcome } = await killed(what, { call, when });

        const at = { what, when, call };
        const sent = addresses(emails);
        expect({ ...at, twice: sent.length - new Set(sent).size }).toEqual({ ...at, twice: 0 });
        // Without an answer and without an event nobody can tell: the chunk waits for a person, and is told as that.
        expect({ ...at, accepted: report.accepted, unknown: report.unknown }).toEqual({
          ...at,
          accepted: sent.length,
          unknown: RECIPIENTS - sent.length,
        });
        expect({ ...at, delivered: report.events.delivered }).toEqual({ ...at, delivered: sent.length });
        expect({ ...at, status: report.status }).toEqual({
          ...at,
          status: sent.length === RECIPIENTS ? 'ended' : 'running',
        });
        if (outcome === 'done') break;
      }

      expect(call).toBeGreaterThan({ release: 10, worker: 12, webhook: 2 }[what]);
    },
    120_000,
  );
});
