import fc from 'fast-check';
import { takeEvents } from '../../../lib/emails/events/take';
import { campaignReport } from '../../../lib/emails/report';
import { eventsOf } from '../../../lib/local/fakes/sendgrid-events';
import { CAMPAIGN, startEmails } from '../../support/emails';
import { createKills } from '../../support/kills';

const RECIPIENTS = 47;
const RUNS = 150;

const act = fc.record({
  what: fc.constantFrom('reconcile', 'reconcile', 'work', 'work', 'work', 'events', 'pause', 'resume', 'wait', 'fail'),
  /** Dies at this call. A number beyond the last call kills nothing. */
  call: fc.integer({ min: 1, max: 60 }),
  when: fc.constantFrom('before' as const, 'after' as const),
  failure: fc.constantFrom<object>(
    { status: 429, headers: { 'retry-after': '20' } },
    { status: 503 },
    { status: 400 },
    { status: 400, body: { errors: [{ message: '', field: 'personalizations.1.to' }] } },
    { after: 'reset' },
    { before: 'reset' },
    { status: 502, after: 'answer' },
  ),
});

test('after any crashes and failures in any order, no recipient gets two mails and each recipient is counted once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
      const kills = createKills();
      const emails = await startEmails({ rate: 1, before: kills.before, after: kills.after });
      const { engine, sendgrid, campaigns } = emails;
      const tell = () =>
        takeEvents(
          { ...engine.deps, clock: engine.clock },
          sendgrid.mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at)),
        );
      try {
        await emails.campaign({ recipients: RECIPIENTS, chunkSize: 10 });
        for (const { what, call, when, failure } of acts) {
          if (what === 'reconcile') await kills.run(() => engine.reconcile(), { call, when });
          else if (what === 'work') await kills.run(() => engine.deliver(1), { call, when });
          else if (what === 'events') await kills.run(tell, { call, when });
          else if (what === 'pause') await campaigns.pause(CAMPAIGN);
          else if (what === 'resume') await campaigns.resume(CAMPAIGN);
          else if (what === 'wait') engine.clock.advance(call * 30_000);
          else sendgrid.fail(failure);
        }
        await sendgrid.recover();
        await campaigns.resume(CAMPAIGN);
        for (let round = 0; round < 4; round++) {
          engine.clock.advance(1_200_000);
          await engine.drain({ batch: 1, hours: 2 });
          // The campaign paused itself, and an operator resumes it.
          await campaigns.resume(CAMPAIGN);
          await tell();
        }

        const campaign = await campaigns.read(CAMPAIGN);
        if (!campaign) throw new Error('the campaign is gone');
        const report = await campaignReport(engine.deps, campaign);
        const sent = sendgrid.mails.map(({ to }) => to[0]);
        expect(new Set(sent).size).toBe(sent.length);
        const { accepted, refused, unknown, notReleased, underWay, paused, cancelled } = report;
        expect({ accepted, rest: refused + unknown }).toEqual({
          accepted: sent.length,
          rest: RECIPIENTS - sent.length,
        });
        expect({ notReleased, underWay, paused, cancelled }).toEqual({
          notReleased: 0,
          underWay: 0,
          paused: 0,
          cancelled: 0,
        });
        expect(report.events.delivered ?? 0).toBe(sent.length);
        // A chunk that was parked for crashing its worker has ended, even though its mails are unknown.
        const waits = engine.rows().some(({ state }) => state === 'held');
        expect(report.status).toBe(waits ? 'running' : 'ended');
      } finally {
        await emails.close();
      }
    }),
    { numRuns: RUNS },
  );
});
