import { ERASED, recordKey } from '../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../lib/engine/jobs/row';
import { circuitBreakers, TRUSTED_MS } from '../../../lib/engine/worker/circuit';
import { retry } from '../../../lib/operate/ops/act';
import { type Campaign, chunkId } from '../../../lib/queues/emails/campaigns/campaign';
import { ERASED_LINE } from '../../../lib/queues/emails/manifest';
import { createProducer } from '../../../packages/producer/client';
import { damagedItem } from '../../support/damage';
import { aContent, CAMPAIGN, type Emails, messageBody, startEmails } from '../../support/emails';
import { anEnvelope, jobId, PREFIX } from '../../support/engine';
import { memoryClock } from '../../support/memory-clock';
import { readWhole } from '../../support/producer';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails();
});
afterEach(() => emails.close());

/** Everything that is readable outside the bucket's data. */
const seen = ({ engine: { table, lines, metrics, facts, deadLetters } }: Emails): string =>
  JSON.stringify([table.items(), lines, metrics, facts, deadLetters().map(({ attributes }) => attributes)]);

/** Sends these chunks of the campaign of 30 recipients, one after another. */
async function sent(numbers: number[], options: Parameters<Emails['campaign']>[0] = {}): Promise<void> {
  const campaign = await emails.campaign(options);
  for (const number of numbers) {
    emails.sendChunk(campaign, number);
    await emails.engine.deliver(1);
  }
}

test("a chunk is one request, and ends with its record and the vendor's id, without addresses", async () => {
  const { engine, sendgrid } = emails;
  const content = aContent({ unsubscribe: { link: 'https://example.com/leave?t={{token}}' } });
  await sent([1], { content });

  expect(sendgrid.requests).toHaveLength(1);
  expect(sendgrid.mails.map(({ to }) => to)).toEqual(Array.from({ length: 10 }, (_, n) => [`user-1${n}@example.com`]));
  expect(sendgrid.mails[2]).toMatchObject({
    from: 'news@example.com',
    templateData: { n: 12 },
    categories: ['spring', CAMPAIGN],
    customArgs: { job: chunkId(CAMPAIGN, 1), campaign: CAMPAIGN, queue: 'emails', step: 'send', recipient: '2' },
    headers: {
      'List-Unsubscribe': '<https://example.com/leave?t=t-12>',
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    },
  });
  const result = { messageId: 'message-1', recipients: 10, campaign: CAMPAIGN };
  expect(emails.chunk(1)).toMatchObject({ state: 'succeeded', result });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'succeeded', result }]);
  const readable = engine.objects.keys().filter((key) => !key.includes('/_data/'));
  expect(readable.map((key) => engine.objects.text(key)).join()).not.toContain('@example.com');
  expect(seen(emails)).not.toContain('@example.com');
});

test('a chunk whose slot was reserved at another rate than the one of an operator reserves again', async () => {
  const { engine } = emails;
  const campaign = await emails.campaign();
  const next = async (number: number) => {
    emails.sendChunk(campaign, number);
    await engine.deliver(1);
    return engine.clock.now();
  };
  await next(0);
  const limit = { at: 0, by: 'user/jane', reason: 'slower', perSecond: 0.5 };
  // Another process than the worker's.
  await circuitBreakers(engine.deps).limit('sendgrid', { rate: limit });
  engine.clock.advance(TRUSTED_MS);

  const [first, second] = [await next(1), await next(2)];

  expect(second - first).toBeGreaterThan(20_000);
  expect(emails.chunk(1)).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('a campaign pauses itself when SendGrid forbids two senders and the circuit opens', async () => {
  const { engine, sendgrid } = emails;
  sendgrid.fail({ status: 403, times: 'forever' });
  await engine.sendAndDeliver(messageBody({ from: { email: 'other@example.com' } }));
  await sent([0, 1, 2]);

  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'paused', reason: 'Forbidden' });
  expect([0, 1, 2].map((number) => emails.chunk(number).reason)).toEqual(['stopped', 'paused', 'paused']);
  expect(sendgrid.requests.filter(({ method }) => method === 'POST')).toHaveLength(2);
});

test.each([
  [401, 'SendgridUnauthorized'],
  [402, 'SendgridMisconfigured'],
  [405, 'SendgridMisconfigured'],
])('a campaign pauses itself and is reported once, however many chunks cause the pause: %i', async (status, reason) => {
  const { engine, sendgrid } = emails;
  sendgrid.fail({ status, times: 'forever' });
  const campaign = await emails.campaign();
  for (const number of [0, 1, 2]) emails.sendChunk(campaign, number);

  const batches = [0, 1, 2].map(() => engine.receive(1));
  await Promise.all(batches.map((batch) => engine.handle(batch)));

  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'paused', reason });
  await engine.reconcile();
  const paused = engine.facts.filter(({ fact }) => fact === 'campaign-paused');
  expect(paused).toMatchObject([{ subject: CAMPAIGN, code: reason }]);
});

test('a campaign pauses itself after three refused chunks in a row; an accepted chunk restarts the count', async () => {
  const { sendgrid } = emails;
  sendgrid.fail({ status: 400, times: 2 });
  await sent([0, 1, 2], { recipients: 70 });
  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'running', refusals: 0 });

  sendgrid.fail({ status: 400, times: 3 });
  await sent([3, 4, 5, 6], { recipients: 70 });

  expect(await emails.campaigns.read(CAMPAIGN)).toMatchObject({ status: 'paused', reason: 'SendgridRejected' });
  expect(emails.chunk(6)).toMatchObject({ state: 'held', reason: 'paused' });
});

const OBJECTS = { manifest: 'data.manifest', content: 'data.campaign', recipients: 'data.number' };
const damages = Object.entries(OBJECTS).flatMap(([what, field]) =>
  ['Changed', 'Changed as if erased', 'Missing'].map((how) => ({ what, field, how })),
);
test.each(damages)('a chunk dies at once while its $what is $how, and then is sent', async ({ what, field, how }) => {
  const { engine, sendgrid } = emails;
  const campaign = await emails.campaign({ recipients: 3 });
  const key = engine.objects.keys().find((each) => each.includes(`/${what}-`)) ?? '';
  const whole = engine.objects.text(key);
  if (how === 'Missing') await engine.objects.delete(key);
  // As an erasure leaves a part, but without its mark, or with a line more.
  else
    await engine.objects.put(
      key,
      `${whole.trimEnd()}\n${ERASED_LINE}\n`,
      'text/plain',
      how === 'Changed' ? {} : { [ERASED]: '1' },
    );
  emails.sendChunk(campaign, 0);

  await engine.drain({ hours: 24, batch: 1 });
  const dead = emails.chunk(0);
  await engine.objects.put(key, whole, 'text/plain');
  await retry(engine.deps, dead);
  await engine.drain({ hours: 24, batch: 1 });

  expect(dead).toMatchObject({ state: 'dead', attempts: 1, error: { code: `Manifest${how.split(' ')[0]}`, field } });
  expect(emails.chunk(0).state).toBe('succeeded');
  expect(sendgrid.requests).toHaveLength(1);
});

test('a chunk of an unknown campaign is parked', async () => {
  const { engine } = emails;
  const campaign = await emails.campaign({ recipients: 3 });
  await engine.table.delete(campaign.key, campaign.version);
  emails.sendChunk(campaign, 0);

  await engine.drain({ batch: 1 });

  expect(emails.chunk(0)).toMatchObject({ state: 'dead', error: { code: 'CampaignMissing' } });
});

const startBody = ({ manifest, requested, duplicates, rejected, recipients, chunks, chunkSize }: Campaign) => {
  const data = { manifest, requested, duplicates, rejected, recipients, chunks, chunkSize };
  return JSON.stringify(anEnvelope({ id: CAMPAIGN, type: 'email.campaign.v1', data }));
};

const REFUSED = { state: 'dead', error: { code: 'ManifestChanged', field: 'data.manifest' } };

test.each([
  ['the same manifest', {}, {}, { state: 'succeeded' }],
  ['another manifest', { sha256: '0'.repeat(64) }, {}, REFUSED],
  ['a list that is not under its own keys, which it does not read,', {}, { key: 'secrets/list.json' }, REFUSED],
])('the job of a campaign that has begun with %s ends as that', async (_, begun, sent, end) => {
  const campaign = await emails.campaign();
  const { manifest } = campaign;
  await emails.campaigns.change(CAMPAIGN, (now) => ({ ...now, manifest: { ...manifest, ...begun } }));

  await emails.engine.sendAndDeliver(startBody({ ...campaign, manifest: { ...manifest, ...sent } }));

  expect(emails.engine.row(CAMPAIGN)).toMatchObject(end);
});

test('what is from a domain that the instance does not list is parked before SendGrid is called', async () => {
  await emails.close();
  emails = await startEmails({ senderDomains: ['acme.example.com', 'example.org'] });
  const { engine, sendgrid } = emails;
  const from = ['news@acme.example.com', 'NEWS@Example.ORG', 'news@example.com', 'x@evil.acme.example.com'];
  for (const [n, email] of from.entries())
    await engine.sendAndDeliver(messageBody({ from: { email } }, { id: jobId(n) }), { group: `g${n}` });
  const campaign = await emails.campaign();
  engine.send(startBody(campaign));
  emails.sendChunk(campaign, 0);
  await engine.drain({ batch: 1 });

  const succeeded = { state: 'succeeded' };
  const refused = { state: 'dead', error: { class: 'permanent', code: 'SenderNotAllowed', field: 'data.from.email' } };
  expect([0, 1, 2, 3].map((n) => engine.row(jobId(n)))).toMatchObject([succeeded, succeeded, refused, refused]);
  expect([engine.row(CAMPAIGN), emails.chunk(0)]).toMatchObject([refused, refused]);
  expect(sendgrid.requests).toHaveLength(2);
  expect(JSON.stringify([engine.row(jobId(2)), engine.lines])).not.toContain('example.com');
});

test('the report counts each event once, however it came, and lines that are damaged', async () => {
  await emails.campaign({ recipients: 20, chunkSize: 10 });
  await emails.engine.drain({ batch: 1, hours: 1 });
  const { objects } = emails.engine;
  await emails.tell(emails.events().slice(0, 15));
  await emails.tell(emails.events());
  const [key = ''] = objects.keys().filter((each) => each.includes('/_events/'));
  await objects.put(`${key}.cut.ndjson`, objects.text(key).slice(0, 100), 'application/x-ndjson');
  await objects.put(`${key}.empty.ndjson`, '', 'application/x-ndjson');

  expect((await emails.report()).events).toEqual({ delivered: 20, damaged: 2 });
});

test('the report reads the records of expired rows, and does not know about damaged rows and records', async () => {
  await emails.campaign({ recipients: 30, chunkSize: 10 });
  await emails.engine.drain({ batch: 1, hours: 1 });
  const { table, objects } = emails.engine;
  const [stepless, rowless, expired] = [0, 1, 2].map((number) => emails.chunk(number)) as [JobRow, JobRow, JobRow];
  await damagedItem(table, stepless.key, (row) => ({ ...row, steps: true }));
  for (const { key, version } of [rowless, expired]) await table.delete(key, version);
  await objects.put(recordKey(PREFIX, rowless), '{"id":', 'application/json');

  expect(await emails.report()).toMatchObject({
    ...{ accepted: 10, unknown: 20, refused: 0, underWay: 0 },
    jobs: { unknown: [stepless.id, rowless.id], refused: [] },
  });
});

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const trace = { correlationId: 'request-1', traceparent };
const announcement = { from: { email: 'news@example.com' }, subject: 'S', text: 'T', transactional: true };

test("a caller's ids of a campaign reach its chunks' mails, log lines, records and events", async () => {
  await emails.close();
  emails = await startEmails({ events: true });
  const { engine, sendgrid } = emails;
  const ports = { ...engine.deps, readObject: readWhole(engine.deps.objects) };
  const producer = createProducer({ ...ports, source: '/my/api', emailRate: 10 });

  const { id } = await producer.campaign(announcement, [{ email: 'a@example.com' }, { email: 'b@example.com' }], trace);
  await engine.deliver();
  await engine.reconcile();
  await engine.drain();

  const chunk = chunkId(id, 0);
  const about = engine.lines.filter(({ facts }) => facts.jobId === chunk).map(({ message, facts }) => [message, facts]);
  expect(about).toEqual([
    ['released', expect.objectContaining({ ...trace, parent: id })],
    ['delivery handled', expect.objectContaining({ ...trace, parent: id })],
  ]);
  expect(sendgrid.mails.map(({ customArgs }) => customArgs)).toEqual([
    expect.objectContaining({ job: chunk, campaign: id, ...trace }),
    expect.objectContaining({ campaign: id, ...trace }),
  ]);
  const record = Object.values(engine.records()).find((one) => one.id === chunk);
  expect(record).toMatchObject({ ...trace, parent: id });
  expect(engine.published.find(({ job }) => job === chunk)).toMatchObject(trace);
});

test.each([
  ['pause', 'held', 'paused'],
  ['cancel', 'cancelled', 'operator'],
] as const)(
  'a %s of the campaign while a chunk waits for its slot keeps the chunk from being sent',
  async (what, state, reason) => {
    const time = memoryClock();
    let meanwhile: (() => Promise<unknown>) | undefined;
    const sleep = async (ms: number) => {
      time.advance(ms);
      if (ms > 1_000) await meanwhile?.();
    };
    const slow = await startEmails({ rate: 1, clock: { ...time, sleep } });
    const campaign = await slow.campaign();
    slow.sendChunk(campaign, 0);
    await slow.engine.deliver(1);
    meanwhile = () => slow.campaigns[what](CAMPAIGN);

    slow.sendChunk(campaign, 1);
    await slow.engine.deliver(1);

    const { mails } = slow.sendgrid;
    await slow.close();
    expect([...new Set(mails.map(({ customArgs }) => customArgs.job))]).toEqual([chunkId(CAMPAIGN, 0)]);
    expect(slow.chunk(1)).toMatchObject({ state, reason });
  },
);
