import { jobId } from '../../support/engine';
import { attachmentKey, feedbackBody, startFeedback } from '../../support/feedback';
import { createKills, killFirstRun } from '../../support/kills';

const attachments = [{ key: attachmentKey, name: 'screen.png', contentType: 'image/png' }];

/** Runs one job and kills its first run at the n-th call, before or after that call takes effect. */
async function killAt(n: number, when: 'before' | 'after') {
  const kills = createKills();
  const service = await startFeedback({ before: kills.before, after: kills.after });
  service.engine.send(feedbackBody({ attachments }));
  return killFirstRun(service, { kills, call: n, when });
}

describe.each(['before', 'after'] as const)('when a run is killed %s any of its calls takes effect', (when) => {
  test('the job still creates one ticket, at most one mail and one record', async () => {
    const confirmations = new Set<unknown>();
    let n = 1;
    for (; ; n++) {
      const { engine, zendesk, sendgrid, outcome } = await killAt(n, when);

      const at = { n, when };
      expect({ ...at, tickets: zendesk.tickets.length }).toEqual({ ...at, tickets: 1 });
      expect({ ...at, twice: sendgrid.mails.length > 1 }).toEqual({ ...at, twice: false });
      expect({ ...at, state: engine.row(jobId(1)).state }).toEqual({ ...at, state: 'succeeded' });
      expect({ ...at, records: Object.values(engine.records()) }).toMatchObject({
        ...at,
        records: [{ state: 'succeeded' }],
      });
      const { confirmation } = engine.row(jobId(1)).result as { confirmation: string };
      if (sendgrid.mails.length === 0) expect({ ...at, confirmation }).toEqual({ ...at, confirmation: 'unknown' });
      confirmations.add(confirmation);
      if (outcome === 'done') break;
    }

    // The loop covered a whole run: claim, three steps, outcome and record.
    expect(n).toBeGreaterThan(12);
    expect(confirmations).toEqual(new Set(['sent', 'unknown']));
  });
});
