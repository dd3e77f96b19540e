import { eventKey } from '../../../lib/emails/events/webhook';
import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { type EngineOptions, jobId } from '../../support/engine';
import { feedbackBody, startFeedback } from '../../support/feedback';
import { inviteBody, startTestflight } from '../../support/testflight';
import { postEvents, storedEvents } from '../../support/webhook-request';

const MINUTES = 60_000;
const QUEUES = {
  feedback: { start: startFeedback, body: feedbackBody(), step: 'confirmation' },
  testflight: {
    start: startTestflight,
    body: inviteBody({ notification: { appName: 'Sample' } }),
    step: 'notification',
  },
};

/** Starts a worker whose jobs also send a mail, with one job in its queue. */
async function start(queue: keyof typeof QUEUES, options: EngineOptions = {}) {
  const { body, step, start: begin } = QUEUES[queue];
  const { engine, sendgrid, close } = await begin(options);
  engine.send(body);
  return {
    engine,
    sendgrid,
    step,
    close,
    row: () => engine.row(jobId(1)),
    /** SendGrid reports its mails to the webhook. */
    async tell(event = 'delivered'): Promise<void> {
      const events = sendgrid.mails.flatMap((mail) => eventsOf(mail, event, mail.at));
      expect(await postEvents(engine, events)).toBe(204);
    },
    stored: () => storedEvents(engine),
  };
}
type Started = Awaited<ReturnType<typeof start>>;

describe.each(['feedback', 'testflight'] as const)('the mail of a %s job', (queue) => {
  const services: Started[] = [];
  const started = async (options: EngineOptions = {}) => {
    const service = await start(queue, options);
    services.push(service);
    return service;
  };
  afterEach(() => Promise.all(services.splice(0).map(({ close }) => close())));

  test('has its events stored separately in the partition of its job, without an address', async () => {
    const { engine, tell, stored } = await started();
    await engine.drain({ batch: 1 });

    for (const event of ['processed', 'delivered', 'delivered']) await tell(event);

    const folder = `jobs/_events/${queue}/year=2026/month=01/day=02/hour=03/campaign=none/`;
    expect(stored().every(({ key }) => key.startsWith(folder))).toBe(true);
    expect(new Set(stored().map(({ event }) => eventKey(event))).size).toBe(2);
    expect(stored()[0]?.event).toEqual({
      event: expect.any(String),
      timestamp: expect.any(Number),
      messageId: expect.stringMatching(/^message-1\./),
      job: jobId(1),
      recipient: 0,
    });
    expect(JSON.stringify([stored(), engine.lines, engine.metrics])).not.toContain('@');
    expect(engine.metrics).toContainEqual({ name: 'EmailEvents', value: 1, dimensions: {} });
  });

  test('needs no evidence once SendGrid has answered', async () => {
    const { engine, row, tell } = await started();
    await engine.drain({ batch: 1 });
    const before = engine.table.writes();

    await tell();

    expect(engine.table.writes()).toBe(before);
    expect(row()).not.toHaveProperty('evidence');
  });

  test('is resolved by its event if it is unknown when the job ends, in row and record', async () => {
    const { engine, sendgrid, step, row, tell } = await started();
    sendgrid.fail({ after: 'reset' });
    await engine.drain({ batch: 1 });
    expect(row()).toMatchObject({
      state: 'succeeded',
      result: { [step]: 'unknown' },
      steps: { [step]: { status: 'unknown' } },
    });
    const { endedAt } = row();

    engine.clock.advance(30 * MINUTES);
    await tell();
    await engine.reconcile();

    const resolved = { status: 'done', result: { evidence: 'delivered', messageId: 'message-1' } };
    expect(row()).toMatchObject({
      state: 'succeeded',
      endedAt,
      result: { [step]: 'sent' },
      steps: { [step]: resolved },
    });
    expect(row().steps[step]).not.toHaveProperty('reason');
    expect(Object.values(engine.records())).toMatchObject([
      { result: { [step]: 'sent' }, steps: { [step]: resolved } },
    ]);
    expect(row().history.at(-1)).toMatchObject({ event: `${step} proven`, note: 'delivered' });
    expect(row()).not.toHaveProperty('todo');
    expect(sendgrid.requests).toHaveLength(1);
  });
});
