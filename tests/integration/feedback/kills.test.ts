import { jobId } from '../../support/engine';
import { attachmentKey, feedbackBody, startFeedback } from '../../support/feedback';

const never = new Promise<never>(() => {});
const attachments = [{ key: attachmentKey, name: 'screen.png', contentType: 'image/png' }];

/** One job whose first run is killed at its n-th call, before or after the call takes effect. */
async function killAt(n: number, when: 'before' | 'after') {
  let calls = 0;
  let died = () => {};
  let armed = true;
  const death = new Promise<'died'>((resolve) => {
    died = () => resolve('died');
  });
  let dead = false;
  const hook = (now: 'before' | 'after') => () => {
    if (!armed) return undefined;
    if (now === 'before') calls++;
    if (!dead && calls === n && now === when) {
      dead = true;
      died();
    }
    return dead ? never : undefined;
  };
  const service = await startFeedback({ before: hook('before'), after: hook('after') });
  const { engine } = service;
  engine.send(feedbackBody({ attachments }));

  const outcome = await Promise.race([engine.deliver(1).then(() => 'done' as const), death]);
  armed = false;
  engine.clock.advance(300_000);
  await engine.drain({ batch: 1 });
  await service.close();
  return { ...service, outcome };
}

describe.each(['before', 'after'] as const)('killed %s any one of its calls takes effect', (when) => {
  test('a job makes one ticket, at most one mail, and ends with one record', async () => {
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

    // The whole of a run: claim, three steps, outcome, record.
    expect(n).toBeGreaterThan(15);
    expect(confirmations).toEqual(new Set(['sent', 'unknown']));
  });
});
