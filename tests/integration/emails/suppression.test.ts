import { suppressedKey } from '../../../lib/jobs/keys';
import { retry } from '../../../lib/ops/act';
import { CAMPAIGN, type Emails, messageBody, startEmails } from '../../support/emails';
import { jobId, PREFIX } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

const address = (n: number) => `user-${n}@example.com`;
const suppress = (numbers: number[], reason: 'unsubscribed' | 'erased' = 'unsubscribed') =>
  emails.suppression.add(numbers.map((n) => ({ email: address(n), reason })));
const addressees = () => emails.sendgrid.mails.map(({ to }) => to[0]);

async function send(chunks: number[], size = { recipients: 4, chunkSize: 2 }): Promise<void> {
  const campaign = await emails.campaign(size);
  const released = chunks.length;
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, released, open: chunks }));
  for (const number of chunks) emails.sendChunk(campaign, number);
  await emails.engine.drain({ batch: 1 });
}

test('a suppressed recipient gets no mail, and row, record and report say so without an address', async () => {
  await suppress([1]);
  await suppress([2, 3], 'erased');

  await send([0, 1]);

  expect(addressees()).toEqual([address(0)]);
  expect(emails.sendgrid.requests).toHaveLength(1);
  expect(emails.chunk(0)).toMatchObject({ state: 'succeeded', result: { recipients: 2, suppressed: 1 } });
  expect(emails.chunk(1)).toMatchObject({ state: 'succeeded', result: { recipients: 2, suppressed: 2 } });
  expect(emails.chunk(1).steps).toMatchObject({ suppressed: { result: { erased: [0, 1] } } });
  const counts = { recipients: 4, accepted: 1, suppressed: 3, refused: 0, jobs: { refused: [] } };
  expect(await emails.report()).toMatchObject(counts);
  // A chunk without a mail says nothing about the campaign's mails.
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({
    ended: { chunks: 1, refused: 0 },
    sent: [{ recipients: 1 }],
  });
  expect(JSON.stringify([emails.engine.table.items(), emails.engine.lines, emails.engine.metrics])).not.toContain('@');
});

test('a retry of a refused chunk asks the list again, and SendGrid names the right recipient', async () => {
  await suppress([0]);
  const refuse = (field: string) =>
    emails.sendgrid.fail({ status: 400, body: { errors: [{ message: 'no', field, help: null }] } });
  // Place 0 of those whom the list leaves.
  refuse('personalizations.0.to');
  refuse('content');

  await send([0], { recipients: 3, chunkSize: 3 });
  expect(emails.chunk(0)).toMatchObject({ state: 'dead', steps: { excluded: { result: { SendgridRejected: [1] } } } });
  await suppress([2]);
  await retry(emails.engine.deps, emails.chunk(0));
  await emails.engine.drain({ batch: 1 });

  expect(addressees()).toEqual([]);
  expect(emails.chunk(0)).toMatchObject({ state: 'succeeded', result: { refused: 1, suppressed: 2 } });
  expect(await emails.report()).toMatchObject({ accepted: 0, refused: 1, suppressed: 2 });
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

  await send([0]);

  expect(addressees()).toEqual([]);
  expect(emails.chunk(0)).toMatchObject({ state: 'held', reason: 'paused' });
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({
    status: 'paused',
    reason: 'SuppressionListUnreadable',
  });
});
