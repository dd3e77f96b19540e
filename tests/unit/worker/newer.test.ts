import { parseEnvelope, sha256 } from '../../../lib/jobs/envelope';
import { jobKey, recordKey } from '../../../lib/jobs/keys';
import { createLedger } from '../../../lib/jobs/ledger';
import { newRow } from '../../../lib/jobs/new-row';
import { NewerRowError, ROW_SCHEMA } from '../../../lib/jobs/row-schema';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const NEWER = ROW_SCHEMA + 1;
const KEY = jobKey('sample', jobId(1));
const HOUR_MS = 3_600_000;

function start() {
  const { contract, effects } = sampleContract();
  const engine = memoryEngine(() => contract);
  const newer = createLedger({ ...engine.deps, settings: engine.deps.settings, knows: NEWER });
  /** The ledger of the first release that knows the newer rows. */
  const upgrade = () => Object.assign(engine.deps, { ledger: newer });
  return { engine, effects, newer, upgrade };
}

const rowOf = (
  { clock, deps: { random } }: ReturnType<typeof start>['engine'],
  changes: Record<string, unknown> = {},
) => ({
  ...newRow({
    queue: 'sample',
    envelope: parseEnvelope(JSON.stringify(anEnvelope(changes))),
    group: 'g',
    now: clock.now(),
    random,
  }),
  sentAt: clock.now(),
});

test('each row says which schema it has', async () => {
  const { engine } = start();
  engine.send(JSON.stringify(anEnvelope()));

  await engine.deliver();

  expect(engine.row(jobId(1)).schema).toBe(ROW_SCHEMA);
  expect(Object.values(engine.records())[0]).not.toHaveProperty('schema');
});

test('a job whose row newer code wrote waits, first in its queue and then in the DLQ, and its row stays as it is', async () => {
  const { engine, effects, newer } = start();
  await newer.write(rowOf(engine), 0);
  engine.send(JSON.stringify(anEnvelope()));
  const before = engine.table.item(KEY);

  await engine.drain({ hours: 48 });

  expect(engine.table.item(KEY)).toEqual(before);
  expect(effects).toEqual([]);
  expect(engine.inQueue()).toBe(0);
  expect(engine.deadLetters()).toHaveLength(1);
  const [entry] = engine.deadLetters();
  expect(entry?.body).toBe(JSON.stringify(anEnvelope()));
  expect(entry?.attributes).toMatchObject({ code: { StringValue: 'NewerRow' }, group: { StringValue: 'g' } });
  expect(engine.metrics.filter(({ name }) => name === 'JobsDead')).toEqual([]);
  expect(engine.told).toEqual([]);
  expect(engine.lines.filter(({ message }) => message === 'reconciling failed')).toEqual([]);
});

test('a deployment that ends within half an hour brings no message into the DLQ', async () => {
  const { engine, effects, newer, upgrade } = start();
  await newer.write(rowOf(engine), 0);
  engine.send(JSON.stringify(anEnvelope()));

  await engine.drain({ hours: 0.4 });
  upgrade();
  await engine.drain({ hours: 1 });

  expect(engine.deadLetters()).toEqual([]);
  expect(effects).toEqual([jobId(1)]);
});

test('a message with the id of another job comes back to its own row, although it has another id in the DLQ', async () => {
  const { engine, newer, upgrade } = start();
  await engine.deps.ledger.write(rowOf(engine, { data: { other: true } }), 0);
  const messageId = engine.send(JSON.stringify(anEnvelope()));
  const own = rowOf(engine);
  const id = `invalid/${messageId}`;
  await newer.write({ ...own, key: jobKey('sample', id), id, payloadHash: sha256(JSON.stringify(anEnvelope())) }, 0);

  await engine.drain({ hours: 48 });
  upgrade();
  await engine.drain({ hours: 2 });

  const invalid = engine.rows().filter((row) => row.id.startsWith('invalid/'));
  expect(invalid).toMatchObject([{ id, state: 'dead', error: { code: 'IdTaken' } }]);
});

test('the first release that knows the row gets the message back, in its group, and does the job once', async () => {
  const { engine, effects, newer, upgrade } = start();
  await newer.write(rowOf(engine), 0);
  engine.send(JSON.stringify(anEnvelope()));
  await engine.drain({ hours: 48 });

  upgrade();
  await engine.drain({ hours: 2 });

  expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', group: 'g', schema: NEWER });
  expect(engine.row(jobId(1)).deliveries.at(-1)?.group).toBe('g');
  expect(effects).toEqual([jobId(1)]);
  expect(engine.deadLetters()).toEqual([]);
});

test('a newer row keeps no other row from the reconciler', async () => {
  const { engine, newer } = start();
  engine.deps.share = 1;
  for (let n = 1; n <= 3; n++) await newer.write({ ...rowOf(engine, { id: jobId(n) }), sentAt: undefined as never }, 0);
  const { sentAt: _sentAt, ...unsent } = rowOf(engine, { id: jobId(4) });
  await engine.deps.ledger.write(unsent, 0);
  engine.clock.advance(HOUR_MS);

  await engine.reconcile();

  expect(engine.row(jobId(4))).toMatchObject({ state: 'cancelled', reason: 'never-sent' });
  expect(engine.row(jobId(1)).state).toBe('queued');
});

test('no write of older code replaces a newer row', async () => {
  const { engine, newer } = start();
  await newer.write(rowOf(engine), 0);
  const { ledger } = engine.deps;

  await expect(ledger.get(KEY)).rejects.toThrow(NewerRowError);
  await expect(ledger.update(KEY, (row) => row)).rejects.toThrow(NewerRowError);
  await expect(ledger.write(rowOf(engine), 0)).rejects.toThrow(NewerRowError);
  expect(await ledger.known(KEY)).toBeUndefined();
});

describe('the record of an old job, written by newer code', () => {
  const time = '2026-01-01T00:00:00.000Z';
  const body = JSON.stringify(anEnvelope({ time }));

  async function waiting() {
    const started = start();
    const { engine } = started;
    engine.clock.advance(Date.parse(time) + 48 * HOUR_MS - engine.clock.now());
    const key = recordKey(PREFIX, { queue: 'sample', id: jobId(1), time: Date.parse(time) });
    await engine.objects.put(key, '{"record":2,"all":"new"}', 'application/json');
    engine.send(body);
    await engine.drain({ hours: 48 });
    return { ...started, key };
  }

  test('is no reason to run the job again: its message waits in the DLQ', async () => {
    const { engine, effects, key } = await waiting();

    expect(effects).toEqual([]);
    expect(engine.rows()).toEqual([]);
    expect(engine.deadLetters()).toHaveLength(1);
    expect(engine.deadLetters()[0]?.attributes).toMatchObject({ code: { StringValue: 'NewerRow' } });
    expect(engine.objects.text(key)).toBe('{"record":2,"all":"new"}');
  });

  test('lets the message go back once the record can be read', async () => {
    const { engine, effects, key } = await waiting();

    await engine.objects.delete(key);
    for (let minute = 0; minute < 20; minute++) {
      engine.clock.advance(60_000);
      await engine.reconcile();
    }
    await engine.deliver();

    expect(effects).toEqual([jobId(1)]);
    expect(engine.deadLetters()).toEqual([]);
  });
});
