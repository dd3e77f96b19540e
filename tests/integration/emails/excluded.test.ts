import { suppressedKey } from '../../../lib/mail/suppression';
import { retry } from '../../../lib/operate/ops/act';
import { chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import { CAMPAIGN, type Emails, messageBody, startEmails } from '../../support/emails';
import { jobId, PREFIX } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

/** SendGrid refuses a request and names these fields. Its messages contain addresses. */
const refuse = (fields: string[], times: number | 'forever' = 1) =>
  emails.sendgrid.fail({
    status: 400,
    times,
    body: { errors: fields.map((field) => ({ message: 'user-0@example.com is bad', field, help: null })) },
  });

/** Sends a campaign whose chunks are all released, by default one. */
async function send(recipients = 5, chunkSize = recipients): Promise<void> {
  const campaign = await emails.campaign({ recipients, chunkSize });
  const chunks = Array.from({ length: campaign.chunks }, (_, number) => number);
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, released: campaign.chunks, open: chunks }));
  for (const number of chunks) emails.sendChunk(campaign, number);
  await emails.engine.drain({ batch: 1 });
}

const address = (n: number) => `user-${n}@example.com`;
const suppress = (numbers: number[], reason: 'unsubscribed' | 'erased' = 'unsubscribed') =>
  emails.suppression.add(numbers.map((n) => ({ email: address(n), reason })));
const seen = () => JSON.stringify([emails.engine.table.items(), emails.engine.lines, emails.engine.metrics]);
const addressees = () => emails.sendgrid.mails.map(({ to }) => to[0]);

test('a refused address is left out, and all other recipients get their mail under their own number', async () => {
  await suppress([0]);
  // Places among those whom the list leaves.
  refuse(['personalizations.1.to.0.email', 'personalizations.3.to']);
  // Place 0 of the three recipients that remain.
  refuse(['personalizations.0.to']);

  await send(6);
  await emails.tell(emails.events());

  expect(emails.sendgrid.requests).toHaveLength(3);
  const numbered = emails.sendgrid.mails.map(({ to, customArgs }) => `${to[0]} is ${customArgs.recipient}`);
  expect(numbered).toEqual([3, 5].map((n) => `${address(n)} is ${n}`));
  expect(emails.chunk(0)).toMatchObject({
    ...{ state: 'succeeded', attempts: 1, result: { recipients: 6, refused: 3, suppressed: 1 } },
    steps: { excluded: { result: { SendgridRejected: [1, 2, 4] } } },
  });
  const counts = { accepted: 2, refused: 3, suppressed: 1, events: { delivered: 2 } };
  expect(await emails.report()).toMatchObject({ ...counts, jobs: { refused: [] } });
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'ended', refusals: 0 });
  expect(seen()).not.toContain('@');
});

test('a worker that dies while it waits for its second request leaves no unknown step', async () => {
  const { engine, sendgrid } = emails;
  refuse(['personalizations.0.to']);
  const { sleep } = engine.clock;
  let meanwhile: object | undefined;
  engine.clock.sleep = async (ms) => {
    if (sendgrid.requests.length === 1) meanwhile ??= emails.chunk(0).steps;
    return sleep(ms);
  };

  await send(1000);

  expect(meanwhile).toEqual({ excluded: expect.objectContaining({ status: 'done' }) });
  expect(await emails.report()).toMatchObject({ accepted: 999, refused: 1 });
});

test.each<[string, string[]]>([
  ['a place that does not exist', ['personalizations.5.to']],
  ['every recipient', [0, 1, 2, 3, 4].map((place) => `personalizations.${place}.to`)],
])('a chunk is parked as a whole if SendGrid complains about %s', async (_, fields) => {
  refuse(fields);

  await send();

  expect(emails.sendgrid.requests).toHaveLength(1);
  expect(emails.chunk(0)).toMatchObject({ state: 'dead', error: { code: 'SendgridRejected' } });
  expect(await emails.report()).toMatchObject({ accepted: 0, refused: 5, jobs: { refused: [chunkId(CAMPAIGN, 0)] } });
});

test('after ten requests the chunk is parked, and a retry continues without the recipients that were left out', async () => {
  refuse(['personalizations.0.to'], 11);
  const begun = emails.engine.clock.now();

  await send(20);
  // Each request waits for a slot of its own.
  expect(emails.engine.clock.now() - begun).toBeGreaterThan(1_000);
  expect(emails.sendgrid.requests).toHaveLength(11);
  expect(emails.chunk(0)).toMatchObject({ state: 'dead', error: { code: 'SendgridRejected' } });
  expect(await emails.report()).toMatchObject({ accepted: 0, refused: 20 });

  refuse(['personalizations.0.to'], 5);
  await retry(emails.engine.deps, emails.chunk(0));
  await emails.engine.drain({ batch: 1 });

  expect(addressees()).toEqual([15, 16, 17, 18, 19].map(address));
  expect(await emails.report()).toMatchObject({ accepted: 5, refused: 15, jobs: { refused: [] } });
});

test('a suppressed recipient gets no mail, and row, record and report say so without an address', async () => {
  await suppress([1]);
  await suppress([2, 3], 'erased');

  await send(4, 2);

  expect(addressees()).toEqual([address(0)]);
  expect(emails.sendgrid.requests).toHaveLength(1);
  expect(emails.chunk(0)).toMatchObject({ state: 'succeeded', result: { recipients: 2, suppressed: 1 } });
  expect(emails.chunk(1)).toMatchObject({ state: 'succeeded', result: { recipients: 2, suppressed: 2 } });
  expect(emails.chunk(1).steps).toMatchObject({ suppressed: { result: { erased: [0, 1] } } });
  const counts = { recipients: 4, accepted: 1, suppressed: 3, refused: 0, jobs: { refused: [] } };
  expect(await emails.report()).toMatchObject(counts);
  // A chunk without a mail says nothing about the campaign's mails.
  const figures = { ended: { chunks: 1, refused: 0 }, sent: [{ recipients: 1 }] };
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject(figures);
  expect(seen()).not.toContain('@');
});

test('a single mail goes to a person who unsubscribed, and not to one who was erased', async () => {
  await suppress([1]);
  await suppress([2], 'erased');

  for (const n of [1, 2]) emails.engine.send(messageBody({ to: { email: address(n) } }, { id: jobId(n) }));
  await emails.engine.drain({ batch: 1 });

  expect(addressees()).toEqual([address(1)]);
  expect(emails.engine.row(jobId(2))).toMatchObject({ state: 'succeeded', result: { suppressed: 1 } });
});

test('a list that cannot be read pauses the campaign, and nothing is sent', async () => {
  await emails.engine.objects.put(suppressedKey(PREFIX), 'damaged', 'text/plain');

  await send();

  expect(addressees()).toEqual([]);
  expect(emails.chunk(0)).toMatchObject({ state: 'held', reason: 'paused' });
  const paused = { status: 'paused', reason: 'SuppressionListUnreadable' };
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject(paused);
});
