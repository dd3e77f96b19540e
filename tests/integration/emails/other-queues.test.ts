import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { jobId } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { inviteBody, startTestflight } from '../../support/testflight';
import { postEvents, storedEvents } from '../../support/webhook-request';

const QUEUES = [
  ['feedback', startFeedback, feedbackBody(), 'confirmation'],
  ['testflight', startTestflight, inviteBody({ notification: { appName: 'Sample' } }), 'notification'],
] as const;

test.each(QUEUES)(
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

test.each(QUEUES)(
  'the mail of a %s job that is unknown when the job ends is resolved by its event, in row and record',
  async (_queue, start, body, step) => {
    const { engine, sendgrid, close } = await start();
    engine.send(body);
    sendgrid.fail({ after: 'reset' });
    await engine.drain({ batch: 1 });
    const ended = engine.row(jobId(1));

    engine.clock.advance(30 * 60_000);
    await postEvents(
      engine,
      sendgrid.mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at)),
    );
    await engine.reconcile();
    await close();

    expect(ended).toMatchObject({ state: 'succeeded', result: { [step]: 'unknown' } });
    const resolved = { result: { [step]: 'sent' }, steps: { [step]: { status: 'done' } } };
    expect(engine.row(jobId(1))).toMatchObject({ ...resolved, endedAt: ended.endedAt });
    expect(Object.values(engine.records())).toMatchObject([resolved]);
    expect(engine.row(jobId(1))).not.toHaveProperty('todo');
  },
);
