import { bodyKey, jobKey } from '../../../../lib/engine/jobs/keys';
import type { JobRow } from '../../../../lib/engine/jobs/row';
import { eachDue } from '../../../../lib/engine/reconcile/due';
import { release } from '../../../../lib/engine/reconcile/release';
import { StoreError, WaitError } from '../../../../lib/platform/errors';
import { damagedRow } from '../../../support/damage';
import { spendReceives } from '../../../support/dead-letters';
import { envelope, jobId, PREFIX } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { reconcileRun } from '../../../support/reconcile-run';
import { sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const ROOM = 40;
const vendor = 'zendesk';
const numberOf = (id: string): number => Number.parseInt(id.slice(-12), 16);

/** Jobs that a 429 held one after another. Their waits of a minute are over. `answer`: what the vendor says now. */
async function heldJobs(
  count: number,
  answer: (n: number) => void = () => {},
  { groups = count, store = outage('queues.depth', { down: false }) } = {},
) {
  let first = true;
  const calls: number[] = [];
  const effect = ({ id }: { id: string }) => {
    if (first) throw new WaitError({ code: 'Throttled', message: '429', vendor, waitMs: MINUTE });
    calls.push(numberOf(id));
    answer(numberOf(id));
  };
  const { engine, effects } = sampleEngine(effect, Object.assign(store, { settings: { room: ROOM } }));
  for (let n = 1; n <= count; n++) {
    await engine.sendAndDeliver(envelope(n), { group: `g${n % groups}` });
    engine.clock.advance(10);
  }
  first = false;
  engine.clock.advance(MINUTE);
  const minute = async () => {
    await engine.reconcile();
    const queued = engine.model.messages('my-sample.fifo').map(({ body }) => numberOf(JSON.parse(body).id));
    engine.clock.advance(MINUTE);
    return queued;
  };
  return { engine, calls, effects, store, minute, work: () => engine.work() };
}

const upTo = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
const held = (rows: JobRow[]): number => rows.filter(({ state }) => state === 'held').length;

test('a queue is topped up, half with the jobs whose wait ended first and half with the newest', async () => {
  const { minute, work, engine } = await heldJobs(100);

  const first = await minute();
  const full = await minute();
  await work();
  const next = await minute();

  expect(first.toSorted((a, b) => a - b)).toEqual([...upTo(20), ...upTo(20, 81)]);
  // The queue is full, and still gets a few.
  expect(full).toHaveLength(60);
  expect(next.toSorted((a, b) => a - b)).toEqual([...upTo(20, 31), ...upTo(20, 51)]);
  await work();
  expect(held(engine.rows())).toBe(0);
});

test('if the queue cannot be measured, nothing is released, the failure is reported, and no job is to blame', async () => {
  const { engine, minute, store } = await heldJobs(30);
  store.down = true;

  expect(await minute()).toEqual([]);
  const facts = { kind: 'releaseDue', queue: 'sample', code: 'Down' };
  expect(engine.lines).toContainEqual({ message: 'reconciling failed', facts });
  expect(engine.rows().every(({ failures }) => failures === undefined)).toBe(true);
});

test('while a vendor has asked one job to wait, no other job goes to it in vain', async () => {
  const { minute, work, calls } = await heldJobs(100, (n) => {
    if (n === 5) throw new WaitError({ code: 'Throttled', message: '429', vendor, waitMs: 10 * MINUTE });
  });
  await minute();
  await work();
  const before = calls.length;

  const during: number[] = [];
  for (let n = 0; n < 10; n++) {
    during.push(...(await minute()));
    await work();
  }
  const after = await minute();

  expect(before).toBe(ROOM);
  expect(during).toEqual([]);
  expect(after).toHaveLength(ROOM);
});

test('a wait that is longer than vendors ask for delays only its own job', async () => {
  const { minute, work } = await heldJobs(100, (n) => {
    if (n === 5) throw new WaitError({ code: 'Throttled', message: '429', vendor, waitMs: 61 * MINUTE });
  });
  await minute();
  await work();

  expect(await minute()).toHaveLength(ROOM);
});

test('a release that fails leaves its place to the next job', async () => {
  const { minute } = await heldJobs(100, undefined, { store: outage('objects.get', { of: jobId(1) }) });

  expect(await minute()).toHaveLength(ROOM);
});

test('an entry of a stale index counts for nothing: by now the row has other work, or later', async () => {
  const { engine } = await heldJobs(3);
  const { deps, clock } = engine;
  const todo = `sample#held#${vendor}`;
  const stale = await deps.table.due(todo, { until: clock.now(), limit: 3 });
  await deps.ledger.update(engine.row(jobId(1)).key, ({ vendor: _gone, ...row }) => row);
  await deps.ledger.update(engine.row(jobId(2)).key, (row) => ({ ...row, retryAt: clock.now() + 1 }));
  const seen: string[] = [];
  const run = reconcileRun({ ...deps, table: { ...deps.table, due: async () => stale } });

  await eachDue(run, { todo, mayGoOn: () => true }, async ({ id }) => void seen.push(id));

  expect(stale).toHaveLength(3);
  expect(seen).toEqual([jobId(3)]);
});

test('a job that the reconciler could not release does not stop the others of its vendor', async () => {
  const { engine, minute } = await heldJobs(10);
  const down = new StoreError({ code: 'Down', message: 'down' });
  await eachDue(reconcileRun(engine.deps), { todo: `sample#held#${vendor}`, mayGoOn: () => true }, ({ id }) =>
    id === jobId(10) ? Promise.reject(down) : Promise.resolve(),
  );

  expect(await minute()).toEqual(upTo(9));
});

test('a trial falls to the next job if the first cannot be released', async () => {
  const store = outage('objects.get', { of: jobId(3) });
  const { engine, minute, work, effects } = await heldJobs(3, undefined, { store });
  await engine.deps.circuits.open(vendor, 'Unauthorized');

  engine.clock.advance(MINUTE);
  await minute();
  await work();

  expect(effects).toEqual([jobId(1)]);
});

test('a run whose next trial call comes before the next run makes it in time', async () => {
  const { engine } = await heldJobs(3);
  await engine.deps.circuits.open(vendor, 'Unauthorized');
  engine.clock.advance(MINUTE - 20_000);
  const before = engine.clock.now();

  await engine.reconcile({ stayMs: 50_000 });

  const [released, ...others] = engine.rows().filter(({ state }) => state === 'queued');
  expect(others).toEqual([]);
  expect((released?.updatedAt ?? 0) - before).toBe(20_000);
});

test('the release of a job that has succeeded since its row was read changes nothing', async () => {
  const { engine, work } = await heldJobs(1);
  const held = engine.row(jobId(1));
  await release(engine.deps, held);
  await work();

  await release(engine.deps, held);

  expect(held.state).toBe('held');
  expect(engine.objects.keys()).not.toContain(bodyKey(PREFIX, 'sample', jobId(1)));
  expect(engine.row(jobId(1)).state).toBe('succeeded');
  expect(engine.metrics.filter(({ name, value }) => name === 'JobsDead' && value > 0)).toEqual([]);
});

test('the release of a job that is released, or held again, since its row was read changes nothing', async () => {
  const { engine, work } = await heldJobs(1, () => {
    throw new WaitError({ code: 'Throttled', message: '429', vendor, waitMs: MINUTE });
  });
  const first = engine.row(jobId(1));
  for (const _run of [1, 2]) await release(engine.deps, first);
  const released = engine.inQueue();
  await work();

  await release(engine.deps, first);

  expect([first.holds, released, engine.inQueue()]).toEqual([1, 1, 0]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'held', holds: 2 });
});

test('jobs of one group are released in order, also if the body of its first job comes late', async () => {
  const { engine, minute, work, effects } = await heldJobs(30, undefined, { groups: 3 });
  const { get } = engine.deps.objects;
  engine.deps.objects.get = async (key) => {
    if (numberOf(key) <= 3) await new Promise(setImmediate);
    return get(key);
  };

  await minute();
  await work();

  for (const rest of [0, 1, 2]) {
    const group = effects.map(numberOf).filter((n) => n % 3 === rest);
    expect(group).toEqual(group.toSorted((a, b) => a - b));
  }
  expect(effects).toHaveLength(30);
});

/** A job whose message is in the queue. `released`: after a hold, so its body is kept. */
async function waiting({ released = false } = {}) {
  let isThrottled = released;
  const { engine, effects } = sampleEngine(() => {
    if (isThrottled) throw new WaitError({ code: 'Throttled', message: '429', vendor, waitMs: MINUTE });
  });
  await engine.accept(envelope());
  if (released) {
    await engine.deliver();
    engine.clock.advance(MINUTE);
    await release(engine.deps, engine.row(jobId(1)));
    isThrottled = false;
  } else await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, sentAt: engine.clock.now() }));
  return {
    ...{ engine, effects },
    lose: () => {
      for (const { receiptHandle } of engine.receive().Records)
        engine.model.deleteMessage({ QueueUrl: engine.deps.queueUrl('sample'), ReceiptHandle: receiptHandle });
    },
    pass: async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute++) await engine.reconcileAfter(MINUTE);
    },
    reported: () => engine.facts.filter(({ fact, on }) => fact === 'jobs-unclaimed' && on).map(({ jobId: id }) => id),
  };
}

test.each([
  ['is sent again from its kept body', 'nothing'],
  ['is sent again although a person has deleted the DLQ entry of another, dead job', 'deleted'],
  ['is sent again although a message waits in the DLQ for a damaged row', 'damaged'],
])('a released job whose message is gone %s', async (_how, other) => {
  const { engine, effects, lose, pass, reported } = await waiting({ released: true });
  if (other === 'damaged') {
    lose();
    await engine.accept(envelope(3));
    await damagedRow(engine.table, jobKey('sample', jobId(3)), 'steps');
    await engine.deliver();
    expect(engine.deadLetters()).toHaveLength(1);
  }
  if (other === 'deleted') {
    const now = engine.clock.now();
    const dead = { ...engine.row(jobId(1)), key: jobKey('sample', jobId(2)), id: jobId(2), version: 0 };
    const end = { state: 'dead', reason: 'error', endedAt: now, recordedAt: now, parkedAt: now, bodyKept: false };
    await engine.deps.ledger.write({ ...dead, ...end } as never, 0);
  }
  lose();

  await pass(5);
  const early = engine.inQueue();
  await pass(15);
  await engine.deliver();

  expect(early).toBe(0);
  expect(effects).toEqual([jobId(1)]);
  expect(reported()).toEqual([]);
});

test('an accepted job whose message is gone is reported, and ends only with the retention', async () => {
  const { engine, lose, pass, reported } = await waiting();
  lose();

  await pass(20);

  expect(reported()).toEqual([jobId(1)]);
  expect(engine.row(jobId(1)).state).toBe('queued');
  await engine.reconcileAfter(14 * DAY + 60 * MINUTE);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired' });
});

test('nothing is reported or sent while the queue still has messages, or its DLQ has one to judge', async () => {
  const { engine, pass, reported } = await waiting();

  await pass(20);
  const queued = engine.inQueue();
  spendReceives(engine);
  await pass(1);

  expect(queued).toBe(1);
  expect(reported()).toEqual([]);
});
