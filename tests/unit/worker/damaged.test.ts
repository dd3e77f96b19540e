import { bodyKey, jobKey, recordKey } from '../../../lib/jobs/keys';
import { PLACEHOLDER } from '../../../lib/jobs/messages';
import type { JobRow } from '../../../lib/jobs/row';
import type { Item } from '../../../lib/ports';
import { acceptedRow } from '../../support/accepted-row';
import { damagedItem } from '../../support/damage';
import { spendReceives } from '../../support/dead-letters';
import { anEnvelope, envelope, jobId, type memoryEngine, PREFIX } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const KEY = jobKey('sample', jobId(1));
const BODY = envelope();

type Engine = ReturnType<typeof memoryEngine>;

/** A queued job whose row does not parse, and what its row was before. */
async function damagedJob(changes: Partial<JobRow> = {}) {
  const { engine, effects } = sampleEngine();
  await engine.deps.ledger.write({ ...acceptedRow(engine.clock.now()), sentAt: engine.clock.now(), ...changes }, 0);
  const whole = engine.table.item(KEY) as Item;
  await damagedItem(engine.table, KEY, (item) => ({ ...item, steps: true }));
  const damaged = engine.table.item(KEY);
  return {
    ...{ engine, effects, damaged },
    restore: () => damagedItem(engine.table, KEY, () => whole),
  };
}

/** The bodies and attributes in the DLQ. */
const entries = (engine: Engine) =>
  engine.deadLetters().map(({ body, attributes }) => ({
    body,
    ...Object.fromEntries(Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue])),
  }));

test.each<[string, (engine: Engine) => unknown]>([
  ['a worker received', (engine) => engine.sendAndDeliver(BODY, { of: jobId(1) })],
  [
    'SQS dead-lettered',
    (engine) => {
      engine.send(BODY, { of: jobId(1) });
      spendReceives(engine);
    },
  ],
])(
  'a message that %s waits in the DLQ while its row does not parse, is counted, and runs once the row is restored',
  async (_who, arrive) => {
    const { engine, effects, damaged, restore } = await damagedJob();

    await arrive(engine);
    await engine.minutes(90);
    const waiting = entries(engine);
    const before = engine.table.item(KEY);
    const counted = engine.metrics.filter(({ name }) => name === 'RowsDamaged').map(({ value }) => value);
    await restore();
    await engine.minutes(20);

    const reason = { reason: 'error', code: 'RowDamaged', field: 'row.steps' };
    expect(waiting).toMatchObject([{ ...reason, body: BODY, job: jobId(1), group: 'g' }]);
    expect(before).toEqual(damaged);
    expect(counted).toEqual(Array(90).fill(1));
    const fact = { fact: 'row-damaged', subject: 'sample', jobId: jobId(1), on: true };
    expect(engine.facts).toContainEqual(expect.objectContaining(fact));
    expect(engine.row(jobId(1)).state).toBe('succeeded');
    expect(effects).toEqual([jobId(1)]);
    expect(engine.deadLetters()).toEqual([]);
  },
);

test('the message of an old job whose record does not parse waits in the DLQ too', async () => {
  const { engine, effects } = sampleEngine();
  const time = engine.clock.now() - 2 * DAY_MS;
  const key = recordKey(PREFIX, { queue: 'sample', time, id: jobId(1) });
  await engine.objects.put(key, '{"record":1', 'application/json');

  await engine.sendAndDeliver(JSON.stringify(anEnvelope({ time: new Date(time).toISOString() })));
  await engine.reconcile();

  expect(entries(engine)).toMatchObject([{ code: 'RowDamaged', field: 'record' }]);
  expect(engine.objects.text(key)).toBe('{"record":1');
  expect(engine.rows()).toEqual([]);
  expect(effects).toEqual([]);
});

test('a job whose kept body is gone, or is no longer its own, ends as dead', async () => {
  for (const kept of [undefined, 'not JSON', JSON.stringify(anEnvelope({ data: { name: 'other' } }))]) {
    const { engine } = sampleEngine();
    await engine.deps.ledger.write(acceptedRow(engine.clock.now()), 0);
    if (kept !== undefined) await engine.objects.put(bodyKey(PREFIX, 'sample', jobId(1)), kept, 'application/json');
    engine.send(PLACEHOLDER, { attributes: { job: jobId(1) }, of: jobId(1) });

    await engine.deliver();

    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'error', error: { code: 'BodyMissing' } });
  }
});

test.each([
  ['no body', JSON.stringify({ body: 'gone' })],
  ['a placeholder', PLACEHOLDER],
  ['its body', BODY],
])(
  'a message of a stranger that names a damaged row and has %s opens nothing once the row is restored',
  async (_what, body) => {
    const { engine, effects, restore } = await damagedJob();
    await engine.sendAndDeliver(body, { attributes: { job: jobId(1) } });
    const entry = engine.deadLetters().length;

    await restore();
    await engine.minutes(20);

    expect(entry).toBe(1);
    expect(effects).toEqual([]);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'queued', deliveries: [] });
    expect(engine.deadLetters()).toEqual([]);
  },
);
