import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { jobId } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { inviteBody, startTestflight } from '../../support/testflight';
import { postEvents, storedEvents } from '../../support/webhook-request';

test.each([
  ['feedback', startFeedback, feedbackBody()],
  ['testflight', startTestflight, inviteBody({ notification: { appName: 'Sample' } })],
] as const)(
  'the mail of a %s job has its events in the partition of its job, and needs no evidence once SendGrid has answered',
  async (queue, start, body) => {
    const { engine, sendgrid, close } = await start();
    engine.send(body);
    await engine.drain({ batch: 1 });
    const before = engine.table.writes();

    const events = sendgrid.mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at));
    expect(await postEvents(engine, events)).toBe(204);
    await close();

    const folder = `jobs/_events/${queue}/year=2026/month=01/day=02/hour=03/campaign=none/`;
    expect(storedEvents(engine)).toMatchObject([
      { key: expect.stringContaining(folder), event: { job: jobId(1), recipient: 0 } },
    ]);
    expect(JSON.stringify([storedEvents(engine), engine.lines, engine.metrics])).not.toContain('@');
    expect(engine.metrics).toContainEqual({ name: 'EmailEvents', value: 1, dimensions: {} });
    expect(engine.table.writes()).toBe(before);
    expect(engine.row(jobId(1))).not.toHaveProperty('evidence');
  },
);
