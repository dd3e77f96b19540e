import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { jobId } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { inviteBody, startTestflight } from '../../support/testflight';
import { postEvents, storedEvents } from '../../support/webhook-request';

const QUEUES = {
  feedback: { start: startFeedback, body: feedbackBody(), step: 'confirmation' },
  testflight: {
    start: startTestflight,
    body: inviteBody({ notification: { appName: 'Sample' } }),
    step: 'notification',
  },
};

describe.each(['feedback', 'testflight'] as const)('the mail of a %s job', (queue) => {
  const { start, body, step } = QUEUES[queue];
  let service: Awaited<ReturnType<typeof start>>;
  beforeEach(async () => {
    service = await start();
    service.engine.send(body);
  });
  afterEach(() => service.close());

  const row = () => service.engine.row(jobId(1));
  /** SendGrid reports its mails to the webhook. */
  async function post(): Promise<void> {
    const events = service.sendgrid.mails.flatMap((mail) => eventsOf(mail, 'delivered', mail.at));
    expect(await postEvents(service.engine, events)).toBe(204);
  }

  test('has its events in the partition of its job, and needs no evidence once SendGrid has answered', async () => {
    const { engine } = service;
    await engine.drain({ batch: 1 });
    const before = engine.table.writes();

    await post();

    const folder = `jobs/_events/${queue}/year=2026/month=01/day=02/hour=03/campaign=none/`;
    expect(storedEvents(engine)).toMatchObject([
      { key: expect.stringContaining(folder), event: { job: jobId(1), recipient: 0 } },
    ]);
    expect(JSON.stringify([storedEvents(engine), engine.lines, engine.metrics])).not.toContain('@');
    expect(engine.metrics).toContainEqual({ name: 'EmailEvents', value: 1, dimensions: {} });
    expect(engine.table.writes()).toBe(before);
    expect(row()).not.toHaveProperty('evidence');
  });

  test('is resolved by its event if it is unknown when the job ends, in row and record', async () => {
    const { engine, sendgrid } = service;
    sendgrid.fail({ after: 'reset' });
    await engine.drain({ batch: 1 });
    const ended = row();
    expect(ended).toMatchObject({ state: 'succeeded', result: { [step]: 'unknown' } });

    engine.clock.advance(30 * 60_000);
    await post();
    await engine.reconcile();

    const steps = { [step]: { status: 'done', result: { evidence: 'delivered', messageId: 'message-1' } } };
    const resolved = { state: 'succeeded', endedAt: ended.endedAt, result: { [step]: 'sent' }, steps };
    expect(row()).toMatchObject(resolved);
    expect(row().steps[step]).not.toHaveProperty('reason');
    expect(Object.values(engine.records())).toMatchObject([{ result: { [step]: 'sent' }, steps }]);
    expect(row().history.at(-1)).toMatchObject({ event: `${step} proven`, note: 'delivered' });
    expect(row()).not.toHaveProperty('todo');
    expect(sendgrid.requests).toHaveLength(1);
  });
});
