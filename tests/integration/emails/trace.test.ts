import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { createProducer } from '../../../packages/producer/client';
import { startEmails } from '../../support/emails';
import { readWhole } from '../../support/producer';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const trace = { correlationId: 'request-1', traceparent };
const content = { from: { email: 'news@example.com' }, subject: 'S', text: 'T', transactional: true };

test("a caller's ids of a campaign reach its chunks' mails, log lines, records and events", async () => {
  const { engine, sendgrid, close } = await startEmails({ events: true });
  const ports = { ...engine.deps, readObject: readWhole(engine.deps.objects) };
  const producer = createProducer({ ...ports, source: '/my/api', emailRate: 10 });

  const { id } = await producer.campaign(content, [{ email: 'a@example.com' }, { email: 'b@example.com' }], trace);
  await engine.deliver();
  await engine.reconcile();
  await engine.drain();

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
  await close();
});
