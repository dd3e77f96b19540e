import { recordKey } from '../../../lib/jobs/keys';
import { itemOf } from '../../../lib/jobs/ledger';
import { type Emails, startEmails } from '../../support/emails';
import { PREFIX } from '../../support/engine';

let emails: Emails;
beforeEach(async () => {
  emails = await startEmails({ rate: 100 });
});
afterEach(() => emails.close());

const report = () => emails.report();

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
