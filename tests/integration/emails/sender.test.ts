import { aContent, CAMPAIGN, type Emails, messageBody, startEmails } from '../../support/emails';
import { anEnvelope, jobId } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails({ senderDomains: ['acme.example.com', 'example.org'] });
});
afterEach(() => emails.close());

const error = { class: 'permanent', code: 'SenderNotAllowed', field: 'data.from.email' };

test('a mail from a domain of the instance is sent, and another is parked before SendGrid is called', async () => {
  const { engine, sendgrid } = emails;
  const from = ['news@acme.example.com', 'NEWS@Example.ORG', 'news@example.com', 'x@evil.acme.example.com'];
  for (const [n, email] of from.entries()) {
    engine.send(messageBody({ from: { email } }, { id: jobId(n) }), { group: `g${n}` });
    await engine.deliver(1);
  }

  expect(engine.rows().map(({ state }) => state)).toEqual(['succeeded', 'succeeded', 'dead', 'dead']);
  expect(engine.row(jobId(2)).error).toMatchObject(error);
  expect(sendgrid.requests).toHaveLength(2);
  expect(JSON.stringify([engine.row(jobId(2)), engine.lines])).not.toContain('example.com');
});

test('a campaign from another domain ends before it begins', async () => {
  const { engine } = emails;
  const content = aContent({ from: { email: 'news@example.com' } });
  const { manifest, requested, duplicates, rejected, recipients, chunks, chunkSize } = await emails.campaign({
    content,
  });
  const data = { manifest, requested, duplicates, rejected, recipients, chunks, chunkSize };
  engine.send(JSON.stringify(anEnvelope({ id: CAMPAIGN, type: 'email.campaign.v1', data })));
  await engine.deliver(1);

  expect(engine.row(CAMPAIGN)).toMatchObject({ state: 'dead', error });
});

test('a chunk of a campaign that began before the domain was taken off the list is parked', async () => {
  const campaign = await emails.campaign({ content: aContent({ from: { email: 'news@example.com' } }) });
  emails.sendChunk(campaign, 0);
  await emails.engine.deliver(1);

  expect(emails.chunk(0)).toMatchObject({ state: 'dead', error });
  expect(emails.sendgrid.requests).toHaveLength(0);
});
