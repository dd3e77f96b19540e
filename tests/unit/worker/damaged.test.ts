import * as z from 'zod';
import { PermanentError, StopError, WaitError } from '../../../lib/errors';
import { parseEnvelope } from '../../../lib/jobs/envelope';
import { bodyKey, jobKey, recordKey } from '../../../lib/jobs/keys';
import { newRow } from '../../../lib/jobs/new-row';
import { STAND_IN } from '../../../lib/jobs/park';
import type { JobRow } from '../../../lib/jobs/row';
import type { Item } from '../../../lib/ports';
import { messageType } from '../../../lib/worker/contract';
import { damagedItem } from '../../support/damage';
import { anEnvelope, jobId, memoryEngine, PREFIX } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

const DAY_MS = 24 * 3_600_000;
const KEY = jobKey('sample', jobId(1));

function start(effect: () => unknown = () => 'done') {
  const { contract, effects } = sampleContract(effect);
  return { engine: memoryEngine(() => contract), effects };
}
type Engine = ReturnType<typeof start>['engine'];

const body = (changes: Record<string, unknown> = {}) => JSON.stringify(anEnvelope(changes));

const damage = ({ table }: Engine, change: (row: Item) => object) => damagedItem(table, KEY, change);

const without = (attribute: string) => (row: Item) => {
  const { [attribute]: _gone, ...rest } = row;
  return rest;
};
const withValue = (attribute: string, value: unknown) => (row: Item) => ({ ...row, [attribute]: value });

/** Delivers and reconciles for a day. Returns how often a message could not be handled, or the reconciler failed. */
async function aDay(engine: Engine): Promise<number> {
  const before = engine.lines.length;
  await engine.drain({ hours: 24 });
  return engine.lines.slice(before).filter(({ facts }) => facts.code === 'EngineFailed').length;
}

const parkedOnce = (engine: Engine) =>
  engine.metrics.filter(({ name, value }) => name === 'JobsDead' && value > 0).length;

describe('a row that is damaged while its message is in the queue', () => {
  const DAMAGES: [string, (row: Item) => Record<string, unknown>, string][] = [
    ...(
      [
        'spentMessageIds',
        'history',
        'time',
        'steps',
        'attempts',
        'payloadHash',
        'state',
        'deliveries',
        'version',
      ] as const
    ).map((attribute): [string, (row: Item) => Record<string, unknown>, string] => [
      `without ${attribute}`,
      without(attribute),
      `row.${attribute}`,
    ]),
    ['with a version that is a text', withValue('version', '1'), 'row.version'],
    ['with version 0', withValue('version', 0), 'row.version'],
    ['with version -1', withValue('version', -1), 'row.version'],
    ['with a version that is null', withValue('version', null), 'row.version'],
    ['of another queue', withValue('queue', 'emails'), 'row.id'],
    ['with a history of texts', withValue('history', ['sent']), 'row.history.0'],
    ['with a state that no code knows', withValue('state', 'resting'), 'row.state'],
    ['with a time beyond all dates', withValue('time', 1e300), 'row.time'],
    ['of which only the key is spentMessageIds', () => ({}), 'row.steps'],
  ];

  test.each(DAMAGES)('%s ends its job as dead, names the damage, and does nothing', async (_what, change, field) => {
    const { engine, effects } = start();
    await engine.deps.ledger.write(rowOfFirst(engine), 0);
    await damage(engine, change);
    engine.send(body());

    const failures = await aDay(engine);

    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'error' });
    expect(engine.row(jobId(1)).error).toMatchObject({ code: 'RowDamaged', field });
    expect(effects).toEqual([]);
    expect(failures).toBe(0);
    expect(engine.inQueue()).toBe(0);
    expect(engine.deadLetters()).toHaveLength(1);
    expect(engine.deadLetters()[0]?.body).toBe(body());
    expect(parkedOnce(engine)).toBe(1);
    expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', error: { code: 'RowDamaged' } }]);
  });

  test('a damaged job stays dead if SQS moves its entry back', async () => {
    const { engine, effects } = start();
    await engine.deps.ledger.write(rowOfFirst(engine), 0);
    await damage(engine, without('steps'));
    engine.send(body());
    await aDay(engine);

    engine.model.startMessageMoveTask({
      SourceArn: engine.queueArn.replace(/\.fifo$/, '-dlq.fifo'),
      DestinationArn: engine.queueArn,
    });
    await aDay(engine);

    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'RowDamaged' } });
    expect(engine.deadLetters()).toHaveLength(1);
    expect(effects).toEqual([]);
  });
});

const rowOfFirst = ({ clock, deps: { random } }: Engine, text = body()): JobRow => ({
  ...newRow({ queue: 'sample', envelope: parseEnvelope(text), group: 'g', now: clock.now(), random }),
  sentAt: clock.now(),
});

describe('a message older than a day whose row is gone', () => {
  const OLD = new Date(Date.parse('2026-01-01T00:00:00.000Z')).toISOString();

  function old(record: string) {
    const { engine, effects } = start();
    const at = { queue: 'sample', id: jobId(1), time: Date.parse(OLD) };
    engine.clock.advance(Math.max(0, Date.parse(OLD) + 2 * DAY_MS - engine.clock.now()));
    const key = recordKey(PREFIX, at);
    return { engine, effects, key, ready: engine.objects.put(key, record, 'application/json') };
  }

  test.each([
    ['truncated', '{"record":1,"state":"succ'],
    ['empty', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['without most fields', '{"record":1,"state":"succeeded"}'],
    ['without a version', '{"state":"succeeded"}'],
  ])('a record that is %s ends the job as dead, and the job does not run', async (_what, record) => {
    const { engine, effects, ready } = old(record);
    await ready;
    engine.send(body({ time: OLD }));

    const failures = await aDay(engine);

    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'RecordDamaged', field: 'record' } });
    expect(effects).toEqual([]);
    expect(failures).toBe(0);
    expect(engine.deadLetters()).toHaveLength(1);
    expect(parkedOnce(engine)).toBe(1);
  });

  test('the damaged record is kept beside the body, so that an operator can look at it', async () => {
    const { engine, ready } = old('{"record":1,"state":"succ');
    await ready;
    engine.send(body({ time: OLD }));

    await aDay(engine);

    expect(engine.objects.text(`${bodyKey(PREFIX, 'sample', jobId(1))}.record`)).toBe('{"record":1,"state":"succ');
    expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', error: { code: 'RecordDamaged' } }]);
  });
});

describe('a kept body', () => {
  const DAMAGES: [string, (text: string) => string][] = [
    ['that is truncated', (text) => text.slice(0, -9)],
    ['that is empty', () => ''],
    ['whose hash does not match', () => body({ data: { name: 'other' } })],
    ['of another job', () => body({ id: jobId(2) }).replace('{}', '{"name":"b"}')],
  ];

  test.each(DAMAGES)('%s ends a held job as dead when the wait is over', async (_what, change) => {
    let down = true;
    const { engine, effects } = start(() => {
      if (down) throw new WaitError({ code: 'Later', message: 'later', waitMs: 3_600_000 });
      return 'done';
    });
    engine.send(body());
    await engine.deliver();
    expect(engine.row(jobId(1)).state).toBe('held');
    const key = bodyKey(PREFIX, 'sample', jobId(1));
    await engine.objects.put(key, change(engine.objects.text(key)), 'application/json');
    down = false;

    const failures = await aDay(engine);

    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'BodyDamaged' } });
    expect(engine.rows()).toHaveLength(1);
    expect(effects).toEqual([]);
    expect(failures).toBe(0);
    expect(engine.deadLetters()).toHaveLength(1);
    expect(parkedOnce(engine)).toBe(1);
  });
});

test.each(['history', 'steps', 'payloadHash', 'group', 'retryAt'])(
  'a held job whose row has a wrong %s ends as dead when its wait is over',
  async (attribute) => {
    const { engine, effects } = start(() => {
      throw new WaitError({ code: 'Later', message: 'later', waitMs: 3_600_000 });
    });
    engine.send(body());
    await engine.deliver();
    await damage(engine, withValue(attribute, true));

    const failures = await aDay(engine);

    expect(engine.row(jobId(1))).toMatchObject({
      state: 'dead',
      error: { code: 'RowDamaged', field: `row.${attribute}` },
    });
    expect(effects).toEqual([]);
    expect(failures).toBe(0);
    expect(engine.deadLetters()).toHaveLength(1);
    expect(engine.deadLetters()[0]?.body).toBe(body());
    expect(parkedOnce(engine)).toBe(1);
    expect(engine.lines.filter(({ message }) => message === 'reconciling failed')).toEqual([]);
  },
);

test('an end that is still readable stays, although the rest of its row is damaged', async () => {
  const { engine, effects } = start();
  const messageId = engine.send(body());
  await engine.deliver();
  await damage(engine, without('history'));

  engine.send(body());
  await aDay(engine);

  expect(messageId).toBeDefined();
  expect(engine.row(jobId(1)).state).toBe('succeeded');
  expect(effects).toEqual([jobId(1)]);
  expect(parkedOnce(engine)).toBe(0);
});

describe('a message with a stand-in for its body', () => {
  const large = body({ source: `/${'s'.repeat(200)}`, data: { name: 'a' } });

  test.each([
    ['gone', undefined, 'BodyMissing'],
    ['truncated', large.slice(0, 40), 'BodyDamaged'],
    ['another job’s', body({ data: { name: 'b' } }), 'BodyDamaged'],
  ])('whose kept body is %s ends its own job as dead', async (_what, kept, code) => {
    const { engine, effects } = start();
    await engine.deps.ledger.write(rowOfFirst(engine, large), 0);
    if (kept !== undefined) await engine.objects.put(bodyKey(PREFIX, 'sample', jobId(1)), kept, 'application/json');
    engine.send(STAND_IN, { attributes: { job: jobId(1), body: 'kept' } });

    const failures = await aDay(engine);

    expect(engine.rows()).toHaveLength(1);
    expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code } });
    expect(effects).toEqual([]);
    expect(failures).toBe(0);
    expect(engine.deadLetters()).toHaveLength(1);
  });
});

test('what is left of a damaged body stays when the job is parked', async () => {
  const { engine } = start();
  const left = body().slice(0, 40);
  await engine.deps.ledger.write(rowOfFirst(engine), 0);
  await engine.objects.put(bodyKey(PREFIX, 'sample', jobId(1)), left, 'application/json');
  engine.send(STAND_IN, { attributes: { job: jobId(1), body: 'kept' } });

  await engine.deliver();

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'BodyDamaged' } });
  expect(engine.objects.text(bodyKey(PREFIX, 'sample', jobId(1)))).toBe(left);
});

test('a dead job whose state is damaged ends again, with a record and an entry of the new end', async () => {
  const { engine } = start(() => {
    throw new PermanentError({ code: 'Rejected', message: 'rejected' });
  });
  engine.send(body());
  await engine.deliver();
  await damage(engine, withValue('state', 'resting'));

  await engine.drain({ hours: 50 * 24 });

  const row = engine.row(jobId(1));
  expect(row).toMatchObject({ state: 'dead', error: { code: 'RowDamaged', field: 'row.state' } });
  expect(row.recordedAt).toBeGreaterThanOrEqual(row.endedAt ?? Number.POSITIVE_INFINITY);
  expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', error: { code: 'RowDamaged' } }]);
});

test('a damaged job that waits for an operator ends within two hours', async () => {
  const { engine } = start(() => {
    throw new WaitError({ code: 'Later', message: 'later', waitMs: 3_600_000 });
  });
  engine.send(body());
  await engine.deliver();
  await damage(engine, (row) => ({ ...row, reason: 'unknown', todo: 'sample#unknown', steps: true }));

  for (let minute = 0; minute < 120; minute++) {
    engine.clock.advance(60_000);
    await engine.reconcile();
  }

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'RowDamaged', field: 'row.steps' } });
});

test('a damaged job that waits for an open circuit ends within a day', async () => {
  const { engine } = start(() => {
    throw new StopError({ code: 'Unauthorized', message: 'refused', vendor: 'zendesk' });
  });
  engine.send(body());
  await engine.deliver();
  await damage(engine, withValue('steps', true));

  for (let minute = 0; minute < 24 * 60; minute++) {
    engine.clock.advance(60_000);
    // The trial call of another job has just failed.
    await engine.deps.circuits.open('zendesk', 'Unauthorized');
    await engine.deps.circuits.endTrial('zendesk', { failed: true });
    await engine.reconcile();
  }

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'RowDamaged', field: 'row.steps' } });
});

test('a queue without rows runs no job whose row is damaged', async () => {
  const done: string[] = [];
  const work = async ({ id }: { id: string }) => done.push(id);
  const type = messageType({ schema: z.object({}), process: work, direct: work });
  const engine = memoryEngine(() => ({ queue: 'sample', types: { 'sample.done.v1': type } }));
  await engine.deps.ledger.write(rowOfFirst(engine), 0);
  await damage(engine, without('payloadHash'));
  engine.send(body());
  engine.receive();
  engine.clock.advance(DAY_MS);

  await engine.drain({ hours: 24 });

  expect(done).toEqual([]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', error: { code: 'RowDamaged' } });
});

test.each([
  ['an address', 'jane@example.com'],
  ['a long text', 'x'.repeat(3_000)],
  ['a text with spaces', 'a b'],
])('the attribute of a message cannot give a job %s as its id', async (_what, id) => {
  const { engine, effects } = start();
  const messageId = engine.send('{"body":"gone"}', { attributes: { job: id } });
  engine.send(STAND_IN, { attributes: { job: id, body: 'kept' } });

  const failures = await aDay(engine);

  expect(failures).toBe(0);
  expect(engine.rows().map((row) => row.id)).toContain(`invalid/${messageId}`);
  expect(engine.rows().every((row) => row.id.startsWith('invalid/') && row.state === 'dead')).toBe(true);
  expect(JSON.stringify([engine.lines, engine.rows(), engine.records(), engine.objects.keys()])).not.toContain(id);
  expect(effects).toEqual([]);
});
