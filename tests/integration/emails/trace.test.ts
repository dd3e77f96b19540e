import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { createProducer } from '../../../packages/producer/producer';
import { type Emails, startEmails } from '../../support/emails';
import { readWhole } from '../../support/producer';

const started: Emails[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map(({ close }) => close()));
});

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const trace = { correlationId: 'request-1', traceparent };
const content = { from: { email: 'news@example.com' }, subject: 'S', text: 'T', transactional: true };

/** Sends a campaign of two chunks with these options of the caller. Resolves to its id. */
async function sent(options: Parameters<ReturnType<typeof createProducer>['campaign']>[2]) {
  const emails = await startEmails({ events: true });
  started.push(emails);
  const { deps } = emails.engine;
  const ports = { ...deps, readObject: readWhole(deps.objects) };
  const producer = createProducer({ ...ports, source: '/my/api', emailRate: 10 });
  const { id } = await producer.campaign(content, [{ email: 'a@example.com' }, { email: 'b@example.com' }], options);
  await emails.engine.deliver();
  await emails.engine.reconcile();
  await emails.engine.drain();
  return { ...emails, id };
}

test("a caller's ids of a campaign reach its chunks' mails, log lines, records and events", async () => {
  const { engine, sendgrid, id } = await sent(trace);
  const chunk = chunkId(id, 0);

  const about = engine.lines.filter(({ facts }) => facts.jobId === chunk).map(({ message, facts }) => [message, facts]);
  expect(about).toEqual([
    ['released', expect.objectContaining({ ...trace, campaign: id })],
    ['delivery handled', expect.objectContaining({ ...trace, campaign: id })],
  ]);
  expect(sendgrid.mails.map(({ customArgs }) => customArgs)).toEqual([
    expect.objectContaining({ job: chunk, campaign: id, ...trace }),
    expect.objectContaining({ campaign: id, ...trace }),
  ]);
  const record = Object.values(engine.records()).find((one) => one.id === chunk);
  expect(record).toMatchObject({ ...trace, campaign: id });
  expect(engine.published.find(({ job }) => job === chunk)).toMatchObject(trace);
});

test('a chunk of a campaign without ids of its caller names its campaign only', async () => {
  const { engine, sendgrid, id } = await sent({});
  const chunk = chunkId(id, 0);

  expect(engine.lines.find(({ facts }) => facts.jobId === chunk)?.facts).toMatchObject({ campaign: id });
  expect(engine.row(chunk)).toMatchObject({ campaign: id });
  expect(engine.row(chunk)).not.toHaveProperty('correlationId');
  expect(sendgrid.mails[0]?.customArgs).not.toHaveProperty('correlationId');
});
