import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { retry } from '../../../lib/ops/act';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';

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

/** Sends a campaign of one chunk. */
async function send(recipients = 5): Promise<void> {
  const campaign = await emails.campaign({ recipients, chunkSize: recipients });
  await emails.campaigns.change(CAMPAIGN, (stored) => ({ ...stored, released: 1, open: [0] }));
  emails.sendChunk(campaign, 0);
  await emails.engine.drain({ batch: 1 });
}

const report = () => emails.report();
const addressees = () => emails.sendgrid.mails.map(({ to }) => to[0]);

test('a refused address is left out, and all other recipients get their mail under their own number', async () => {
  refuse(['personalizations.1.to.0.email', 'personalizations.3.to']);
  // Place 0 of the three recipients that remain.
  refuse(['personalizations.0.to']);

  await send();
  await emails.tell(emails.events());

  expect(emails.sendgrid.requests).toHaveLength(3);
  expect(emails.sendgrid.mails.map(({ to, customArgs }) => [to[0], customArgs.recipient])).toEqual([
    ['user-2@example.com', '2'],
    ['user-4@example.com', '4'],
  ]);
  expect(emails.chunk(0)).toMatchObject({
    ...{ state: 'succeeded', attempts: 1, result: { recipients: 5, refused: 3 } },
    steps: { excluded: { result: { SendgridRejected: [0, 1, 3] } } },
  });
  expect(await report()).toMatchObject({ accepted: 2, refused: 3, jobs: { refused: [] }, events: { delivered: 2 } });
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'ended', refusals: 0 });
  expect(JSON.stringify([emails.engine.table.items(), emails.engine.lines, emails.engine.metrics])).not.toContain('@');
});

test('a pause between two requests holds the chunk, and refused recipients stay left out', async () => {
  const { engine, sendgrid } = emails;
  refuse(['personalizations.0.to']);
  const { sleep } = engine.clock;
  let meanwhile: object = {};
  engine.clock.sleep = async (ms) => {
    if (sendgrid.requests.length === 1) {
      meanwhile = emails.chunk(0).steps;
      await emails.campaigns.pause(CAMPAIGN);
    }
    return sleep(ms);
  };

  await send(1000);
  // A worker that dies during the wait leaves no unknown step, because it was not sending.
  expect(meanwhile).toEqual({ excluded: expect.objectContaining({ status: 'done' }) });
  expect(emails.chunk(0)).toMatchObject({ state: 'held', reason: 'paused' });
  expect(await report()).toMatchObject({ paused: 999, refused: 1, accepted: 0 });
  engine.clock.sleep = sleep;
  await emails.campaigns.resume(CAMPAIGN);
  await engine.drain({ batch: 1, hours: 1 });

  expect(sendgrid.requests).toHaveLength(2);
  expect(addressees()).not.toContain('user-0@example.com');
  expect(await report()).toMatchObject({ accepted: 999, refused: 1 });
});

test.each<[string, string[]]>([
  ['another field as well', ['personalizations.1.to', 'subject']],
  ['a place that does not exist', ['personalizations.5.to']],
  ['every recipient', [0, 1, 2, 3, 4].map((place) => `personalizations.${place}.to`)],
])('a chunk is parked as a whole if SendGrid complains about %s', async (_, fields) => {
  refuse(fields);

  await send();

  expect(emails.sendgrid.requests).toHaveLength(1);
  expect(emails.chunk(0)).toMatchObject({ state: 'dead', error: { code: 'SendgridRejected' } });
  expect(await report()).toMatchObject({ accepted: 0, refused: 5, jobs: { refused: [chunkId(CAMPAIGN, 0)] } });
});

test('after ten requests the chunk is parked, and a retry continues without the recipients that were left out', async () => {
  refuse(['personalizations.0.to'], 11);
  const begun = emails.engine.clock.now();

  await send(20);
  // Each request waits for a slot of its own.
  expect(emails.engine.clock.now() - begun).toBeGreaterThan(1_000);
  expect(emails.sendgrid.requests).toHaveLength(11);
  expect(emails.chunk(0)).toMatchObject({ state: 'dead', error: { code: 'SendgridRejected' } });
  expect(await report()).toMatchObject({ accepted: 0, refused: 20 });

  refuse(['personalizations.0.to'], 5);
  await retry(emails.engine.deps, emails.chunk(0));
  await emails.engine.drain({ batch: 1 });

  expect(addressees()).toEqual([15, 16, 17, 18, 19].map((n) => `user-${n}@example.com`));
  expect(await report()).toMatchObject({ accepted: 5, refused: 15, jobs: { refused: [] } });
});

test('refused recipients count as refused even if the other mails of their chunk are unknown', async () => {
  refuse(['personalizations.2.to']);
  emails.sendgrid.fail({ after: 'reset' });

  await send();

  expect(emails.chunk(0)).toMatchObject({ state: 'held', reason: 'unknown' });
  expect(await report()).toMatchObject({ unknown: 4, refused: 1, accepted: 0 });
});
