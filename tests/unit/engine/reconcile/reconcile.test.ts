import type { FailingWork, ReconcilerRun } from '../../../../lib/engine/jobs/items';
import { jobKey, reconcilerKey } from '../../../../lib/engine/jobs/keys';
import { IllegalTransitionError } from '../../../../lib/engine/jobs/transitions';
import { StoreError, WaitError } from '../../../../lib/platform/errors';
import { type Engine, envelope, jobId } from '../../../support/engine';
import { outage } from '../../../support/faults';
import { sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;

test.each([
  ['some seconds before the last one ends waits for it', 3_000, 1],
  ['while another one is running leaves everything to it', 40_000, 0],
])('a run that begins %s', async (_when, heldMs, runs) => {
  const { engine } = sampleEngine();
  const until = engine.clock.now() + heldMs;
  await engine.table.put({ key: reconcilerKey, version: 1, writer: '', holder: 'another', until }, 0);

  await engine.reconcile();

  expect(engine.metrics.filter(({ name }) => name === 'ReconcilerRuns')).toHaveLength(runs);
});

test('works that never come to their end leave time for the others, in every run', async () => {
  const { engine } = sampleEngine();
  const { table } = engine.deps;
  const asked: string[] = [];
  table.todos = async () => undefined;
  table.due = async (todo, { limit }) => {
    engine.clock.advance(500);
    asked.push(todo);
    const isEndless = /#(held|ending|unsent|waiting|kept)/.test(todo);
    return isEndless ? Array.from({ length: limit }, (_, n) => ({ key: `sample#${jobId(n)}`, todoAt: 1 })) : [];
  };

  for (let run = 0; run < 2; run++) {
    asked.length = 0;
    await engine.reconcile();

    expect(asked).toContain('sample#kept');
    expect(asked).toContain('sample#dead');
  }
});

test('a run that has time for one queue only leaves the others to the next runs', async () => {
  const { engine } = sampleEngine();
  const { deps, clock } = engine;
  const asked: string[] = [];
  deps.queueNames = ['one', 'two', 'three'];
  deps.table.todos = async () => undefined;
  deps.table.due = async (todo) => {
    asked.push(todo.replace(/#.*/, ''));
    clock.advance(MINUTE);
    return [];
  };

  for (const _run of [1, 2, 3]) await engine.reconcile();

  expect([...new Set(asked)].toSorted()).toEqual(['one', 'three', 'two']);
});

test('a run that cannot look at the whole index does its work', async () => {
  const { engine } = await heldJobs({ count: 2 });
  engine.deps.table.todos = () => Promise.reject(new StoreError({ code: 'DynamoDB.Throttled', message: 'refused' }));

  await engine.reconcileAfter(2 * MINUTE);

  expect(engine.row(jobId(2)).state).toBe('queued');
  const facts = { kind: 'glance', code: 'DynamoDB.Throttled' };
  expect(engine.lines).toContainEqual({ message: 'reconciling failed', facts });
});

test('an illegal change of a job is refused and counted, as in the worker', async () => {
  const { engine } = await heldJobs();
  const row = engine.row(jobId(1));
  engine.deps.ledger.get = () => Promise.reject(new IllegalTransitionError('release', row));

  await engine.reconcileAfter(2 * MINUTE);

  expect(engine.metrics).toContainEqual({ name: 'IllegalTransitions', value: 1, dimensions: {} });
  const facts = { kind: 'releaseDue', queue: 'sample', jobId: jobId(1), code: 'IllegalTransition' };
  expect(engine.lines).toContainEqual({ message: 'reconciling failed', facts });
});

test.each<[string, string, object]>([
  ['a chunk that waits for its window', 'OutsideWindow', {}],
  ['a chunk that waits for the next day', 'DailyCapReached', {}],
  ['a paused job, because an operator decides when it goes on,', 'NoSlot', { reason: 'paused' }],
  ['a job that is tried again later', 'NoSlot', { reason: 'retry' }],
  ['a job that is planned for later', 'NoSlot', { notBefore: 1, firstStartedAt: undefined, heldSince: undefined }],
])('%s does not count as held', async (_what, code, change) => {
  const wait = new WaitError({ code, message: 'not now', waitMs: 10 * MINUTE });
  const { engine } = sampleEngine(() => Promise.reject(wait));
  await engine.sendAndDeliver(envelope());
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, ...change }));

  await engine.reconcileAfter(MINUTE);

  expect(engine.metrics.filter(({ name }) => name === 'OldestHeld').map(({ value }) => value)).toEqual([0]);
});

test('a job that its vendor asks to wait again and again counts as held since its first wait', async () => {
  const wait = new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: 30_000 });
  const { engine } = sampleEngine(() => Promise.reject(wait));
  await engine.sendAndDeliver(envelope());

  await engine.minutes(3);

  const held = engine.metrics.filter(({ name }) => name === 'OldestHeld').map(({ value }) => value);
  expect(held).toEqual([MINUTE, 2 * MINUTE, 3 * MINUTE]);
});

/** Jobs of one group that wait a minute after their first run. By default the body of the first one cannot be read. */
async function heldJobs({ count = 1, store = outage('objects.get', { of: jobId(1) }) } = {}) {
  const seen = new Set<string>();
  const { engine, effects } = sampleEngine(({ id }) => {
    if (seen.has(id)) return;
    seen.add(id);
    throw new WaitError({ code: 'Throttled', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  }, store);
  for (let n = 1; n <= count; n++) await engine.sendAndDeliver(envelope(n));
  return { engine, effects, store };
}

test('a failing job is tried again after a minute, later after an hour, and at once when it has changed', async () => {
  const { engine, effects, store } = await heldJobs();
  const tries: number[] = [];
  const { get } = engine.deps.objects;
  engine.deps.objects.get = async (key) => {
    tries.push(engine.clock.now());
    return get(key);
  };

  await engine.minutes(300);
  const waits = tries.slice(1).map((at, index) => Math.round((at - (tries[index] ?? 0)) / MINUTE));
  const asleep = engine.row(jobId(1));
  store.down = false;
  await engine.deps.ledger.update(asleep.key, (row) => ({ ...row, retryAt: engine.clock.now() }));
  const awake = engine.row(jobId(1));
  await engine.minutes();

  expect(waits.slice(0, 4)).toEqual([2, 3, 5, 9]);
  expect(Math.max(...waits)).toBeGreaterThanOrEqual(60);
  expect(Math.max(...waits)).toBeLessThanOrEqual(76);
  expect(asleep.failures).toBe(tries.length - 1);
  expect(awake.failures).toBeUndefined();
  expect(effects).toEqual([jobId(1)]);
});

test("a back-off keeps the time of the row's last change, and the log names job, work, reason and failures", async () => {
  const { engine } = await heldJobs();
  const before = engine.row(jobId(1));

  await engine.minutes(2);
  const after = engine.row(jobId(1));
  await engine.minutes(58);

  const failed = { version: before.version + 1, writer: expect.any(String), todoAt: expect.any(Number), failures: 1 };
  expect(after).toEqual({ ...before, ...failed });
  const facts = engine.lines.filter(({ message }) => message === 'reconciling failed').map(({ facts }) => facts);
  const what = { kind: 'releaseDue', queue: 'sample', jobId: jobId(1), code: 'Down' };
  expect([facts[0], facts.at(-1)]).toEqual([1, facts.length].map((times) => ({ ...what, times })));
  expect(facts.length).toBeGreaterThan(1);
});

test('work counts as failing while its job waits for the next try, and is reported once, until the job has continued', async () => {
  const { engine, store } = await heldJobs();
  const sent = () => engine.facts.filter(({ fact }) => fact === 'reconciler-failing').map(({ on }) => on);
  await engine.minutes(14);
  const early = sent();
  await engine.minutes(4);
  const meanwhile = [sent(), (await failing(engine)).length];

  store.down = false;
  await engine.minutes(100);

  expect(early).toEqual([]);
  expect(meanwhile).toEqual([[true], 1]);
  expect([sent(), (await failing(engine)).length]).toEqual([[true, false], 0]);
});

const failing = async ({ table }: Engine): Promise<FailingWork[]> =>
  ((await table.get(reconcilerKey)) as ReconcilerRun | undefined)?.failing ?? [];

test('a row that refuses every write does not keep other rows of its group from their turn', async () => {
  const store = outage('table.put', { of: jobKey('sample', jobId(1)), down: false });
  const { engine, effects } = await heldJobs({ count: 3, store });
  store.down = true;

  await engine.minutes(3);

  expect(effects.toSorted()).toEqual([jobId(2), jobId(3)]);
});
