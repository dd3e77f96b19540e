import type { Step } from '../../../lib/engine/jobs/row';
import { type EngineOptions, jobId } from '../../support/engine';
import { attachmentKey, feedbackBody, startFeedback } from '../../support/feedback';
import { memoryClock } from '../../support/memory-clock';

let service: Awaited<ReturnType<typeof startFeedback>>;
const start = async (options?: EngineOptions) => {
  service = await startFeedback(options);
  return service;
};
afterEach(() => service.close());

/** Starts a service and runs one job. */
async function ran(body: string) {
  const { engine, ...vendors } = await start();
  await engine.sendAndDeliver(body);
  return { engine, ...vendors };
}
const attachments = [{ key: attachmentKey, name: 'screen.png', contentType: 'image/png' }];

test("a feedback job creates a ticket with its attachments and a mail with the ticket's number", async () => {
  const { engine, zendesk, sendgrid } = await ran(
    feedbackBody({
      ...{ attachments, category: 'Data Export', tags: ['beta'], priority: 'high', type: 'problem' },
      ...{ customFields: [{ id: 7, value: 'web' }], context: { app: '1.2.3' } },
    }),
  );

  expect(zendesk.tickets).toMatchObject([
    {
      ...{ external_id: jobId(1), subject: 'The export is empty', priority: 'high', type: 'problem', requester_id: 1 },
      ...{ tags: ['app', 'data_export', 'beta'], custom_fields: [{ id: 7, value: 'web' }] },
      description: expect.stringMatching(/It was not empty yesterday\.\s+app: 1\.2\.3/),
    },
  ]);
  expect(zendesk.users).toMatchObject([{ id: 1, name: 'A User', email: 'user@example.com' }]);
  const [create] = zendesk.requests.filter(({ path }) => path.includes('tickets'));
  expect(create?.headers['idempotency-key']).toBe(jobId(1));
  const [ticket] = zendesk.tickets;
  expect(sendgrid.mails).toHaveLength(1);
  expect(JSON.stringify(sendgrid.mails[0])).toContain(String(ticket?.id));
  expect(engine.row(jobId(1))).toMatchObject({
    state: 'succeeded',
    result: { ticketId: String(ticket?.id), confirmation: 'sent' },
    steps: { upload: { status: 'done' }, ticket: { status: 'done' }, confirmation: { status: 'done' } },
  });
});

test('the token of an upload is only in its step of the row, and in no record, log or metric', async () => {
  const { engine, zendesk } = await ran(feedbackBody({ attachments }));

  const { steps, ...row } = engine.row(jobId(1));
  const token = steps.upload?.confidential as string | undefined;
  expect(zendesk.requests.at(-1)?.body).toContain(token);
  expect(JSON.stringify([row, engine.records(), engine.lines, engine.metrics])).not.toContain(token);
});

test('a file that Zendesk refuses for a while is uploaded again alone', async () => {
  const { engine, zendesk } = await start();
  const second = { ...attachments[0], key: `${attachmentKey}.txt`, name: 'second.txt', contentType: 'text/plain' };
  await engine.objects.put(second.key, 'text', 'text/plain');
  zendesk.fail({ path: 'second', times: 3, status: 503 });
  engine.send(feedbackBody({ attachments: [...attachments, second] }));

  await engine.drain({ batch: 1 });

  const uploads = zendesk.requests.filter(({ path }) => path.includes('uploads')).map(({ query }) => query.filename);
  expect(uploads).toEqual(['screen.png', ...Array(4).fill('second.txt')]);
  expect(zendesk.tickets).toHaveLength(1);
});

test.each([0, 10])('an upload by a worker %d minutes ahead is repeated when its token is old', async (minutes) => {
  const { engine, zendesk } = await start();
  zendesk.fail({ method: 'POST', path: 'tickets', times: 1, status: 429, headers: { 'retry-after': '3600' } });
  await engine.sendAndDeliver(feedbackBody({ attachments }));
  const upload = engine.row(jobId(1)).steps.upload as Step & { endedAt: number };
  const ahead: Step = { ...upload, endedAt: upload.endedAt + minutes * 60_000 };
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({
    ...row,
    steps: { ...row.steps, upload: ahead },
  }));

  await engine.drain({ batch: 1 });

  expect(engine.row(jobId(1)).state).toBe('succeeded');
  expect(zendesk.requests.filter(({ path }) => path.includes('uploads')).length).toBeGreaterThan(1);
  expect(zendesk.tickets).toHaveLength(1);
});

test('the fourth job in an hour for one address without a user id makes a ticket and sends no mail', async () => {
  const { engine, zendesk, sendgrid } = await start();
  for (let n = 1; n <= 4; n++) engine.send(feedbackBody({ user: { email: 'victim@example.org' } }, { id: jobId(n) }));

  for (let n = 1; n <= 4; n++) await engine.deliver(1);

  expect(zendesk.tickets).toHaveLength(4);
  expect(sendgrid.mails).toHaveLength(3);
  const without = [{ what: 'confirmation', code: 'TooManyMails' }];
  expect(engine.row(jobId(4))).toMatchObject({ state: 'succeeded', without, bodyKept: true });
});

test('without time left for its call, a confirmation waits for the next invocation', async () => {
  const clock = memoryClock();
  let sleeps = 0;
  const sleep = async (ms: number) => {
    // A run that waits for no time again and again would never end.
    if (++sleeps > 10) throw new Error('the run does not end');
    await clock.sleep(ms);
  };
  const after = async (call: string) => {
    if (call === 'zendesk.createTicket') await clock.sleep(41_000);
  };
  const { engine, sendgrid } = await start({ clock: { ...clock, sleep }, after });
  await engine.sendAndDeliver(feedbackBody());
  expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', attempts: 0 });

  await engine.drain({ batch: 1 });

  expect(engine.row(jobId(1))).toMatchObject({ result: { confirmation: 'sent' } });
  expect(sendgrid.mails).toHaveLength(1);
});

test("a caller's ids reach the worker's log, the record, the ticket and the mail", async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const trace = { correlationId: 'request-1', traceparent };

  const { engine, zendesk, sendgrid } = await ran(feedbackBody({}, { correlationid: 'request-1', traceparent }));

  const handled = engine.lines.find(({ message }) => message === 'delivery handled');
  expect(handled?.facts).toMatchObject(trace);
  expect(Object.values(engine.records())).toMatchObject([trace]);
  const create = zendesk.requests.find(({ path }) => path.includes('tickets'));
  expect(JSON.parse(create?.body ?? '')).toMatchObject({ ticket: { metadata: trace } });
  expect(sendgrid.mails[0]?.customArgs).toMatchObject({ job: jobId(1), ...trace });
});
