import { chunkId } from '../../../lib/emails/campaigns/campaign';
import { recordKey } from '../../../lib/jobs/keys';
import { itemOf } from '../../../lib/jobs/ledger';
import { CAMPAIGN, type Emails, startEmails } from '../../support/emails';
import { PREFIX } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails({ rate: 100 });
});
afterEach(() => emails.close());

const report = () => emails.report();

const KINDS = ['accepted', 'refused', 'unknown', 'cancelled', 'underWay', 'paused', 'notReleased'] as const;
const sumOf = (given: Awaited<ReturnType<typeof report>>) => KINDS.reduce((sum, kind) => sum + given[kind], 0);

/** Makes the request of one chunk fail. */
const failing = (number: number, failure: Parameters<Emails['sendgrid']['fail']>[0]) =>
  emails.sendgrid.fail({ ...failure, bodyContains: chunkId(CAMPAIGN, number) });

test('every recipient counts in exactly one kind at any time', async () => {
  failing(1, { status: 400 });
  failing(2, { after: 'reset' });
  failing(3, { status: 429, headers: { 'retry-after': '30' } });
  await emails.campaign({ recipients: 950, chunkSize: 100 });
  expect(await report()).toMatchObject({ status: 'running', requested: 950, recipients: 950, notReleased: 950 });

  const { engine } = emails;
  for (let minute = 0; minute < 10; minute++) {
    await engine.reconcile();
    const between = await report();
    expect(sumOf(between)).toBe(950);
    if (minute === 1) await emails.campaigns.pause(CAMPAIGN);
    if (minute === 3) await emails.campaigns.resume(CAMPAIGN);
    while (engine.inQueue() > 0) await engine.deliver(1);
    engine.clock.advance(60_000);
  }

  const chunks = { all: 10, released: 10 };
  expect(await report()).toMatchObject({ accepted: 750, refused: 100, unknown: 100, chunks });
});

test('stored events that are damaged are counted, and the report goes on', async () => {
  await emails.campaign({ recipients: 20, chunkSize: 10 });
  await emails.engine.drain({ batch: 1, hours: 1 });
  const { objects } = emails.engine;
  await emails.tell(emails.events());
  const [key = ''] = objects.keys().filter((each) => each.includes('/_events/'));
  await objects.put(key, objects.text(key).slice(0, -10), 'application/x-ndjson');
  await objects.put(`${key}.ndjson`, '', 'application/x-ndjson');

  expect((await report()).events).toEqual({ delivered: 19, damaged: 2 });
});

test('events resolve unknown mails, and each event counts once', async () => {
  failing(0, { after: 'reset' });
  await emails.campaign({ recipients: 20, chunkSize: 10 });
  await emails.engine.drain({ batch: 1, hours: 1 });
  expect(await report()).toMatchObject({ status: 'running', accepted: 10, unknown: 10 });

  const { events, tell } = emails;
  await tell(events('processed'));
  await tell([...events('processed'), ...events().slice(0, 15)]);
  await tell(events());
  await emails.engine.reconcile();
  expect(await report()).toMatchObject({ accepted: 20, unknown: 0, events: { processed: 20, delivered: 20 } });

  await emails.engine.drain({ batch: 1, hours: 1 });
  expect(await report()).toMatchObject({ status: 'ended', accepted: 20, unknown: 0 });
});

test('the report of a cancelled campaign says what was sent, what was not, and what was never released', async () => {
  await emails.campaign({ recipients: 2_000, chunkSize: 100 });
  await emails.engine.reconcile();
  await emails.engine.deliver(1);
  await emails.campaigns.cancel(CAMPAIGN);
  await emails.engine.drain({ batch: 1, hours: 1 });

  expect(await report()).toMatchObject({ status: 'cancelled', accepted: 100, cancelled: 400, notReleased: 1_500 });
});

test('the report reads expired rows from their records', async () => {
  await emails.campaign({ recipients: 20, chunkSize: 10 });
  await emails.engine.drain({ batch: 1, hours: 1 });
  for (const number of [0, 1]) {
    const { key, version } = emails.chunk(number);
    await emails.engine.table.delete(key, version);
  }

  expect(await report()).toMatchObject({ accepted: 20, underWay: 0 });
});

test('the report says that it does not know about chunks whose row or record is damaged', async () => {
  await emails.campaign({ recipients: 30, chunkSize: 10 });
  await emails.engine.drain({ batch: 1, hours: 1 });
  const { engine } = emails;
  const [stepless, rowless] = [emails.chunk(0), emails.chunk(1)];
  await engine.table.delete(stepless.key, stepless.version);
  await engine.table.put({ ...itemOf(stepless), steps: true }, 0);
  await engine.table.delete(rowless.key, rowless.version);
  await engine.objects.put(recordKey(PREFIX, rowless), '{"id":', 'application/json');

  expect(await report()).toMatchObject({
    ...{ accepted: 10, unknown: 20, refused: 0, underWay: 0 },
    jobs: { unknown: [stepless.id, rowless.id], refused: [] },
  });
});
