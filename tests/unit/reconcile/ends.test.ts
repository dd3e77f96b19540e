import { StoreError } from '../../../lib/errors';
import type { Item } from '../../../lib/ports';
import { markExpiredEntries } from '../../../lib/reconcile/ends';
import { acceptedRow } from '../../support/accepted-row';
import { envelope, jobId } from '../../support/engine';
import { outage } from '../../support/faults';
import { reconcileRun } from '../../support/reconcile-run';
import { rejects, sampleEngine } from '../../support/sample-contract';

const MINUTE = 60_000;
const DAY = 86_400_000;

test.each([
  ['record', 'objects.create', () => 'done'],
  ['DLQ entry', 'queues.send', rejects],
])('an ended job whose %s could not be written gets it within minutes', async (_what, call, work) => {
  const store = outage(call);
  const { engine } = sampleEngine(work, store);
  await engine.sendAndDeliver(envelope());
  const written = () => [Object.keys(engine.records()).length, engine.deadLetters().length];
  const before = written();

  store.down = false;
  engine.clock.advance(5 * MINUTE);
  await engine.reconcile();

  const isDead = work === rejects;
  expect(before).not.toEqual([1, Number(isDead)]);
  expect(written()).toEqual([1, Number(isDead)]);
  expect(engine.row(jobId(1)).recordedAt).toBeDefined();
  if (isDead)
    expect(engine.deadLetters()).toMatchObject([
      { body: envelope(), attributes: { code: { StringValue: 'Rejected' } } },
    ]);
});

test('a job that was not sent ends after a quarter of an hour, also beside a shard whose query fails', async () => {
  const { engine } = sampleEngine();
  for (let n = 1; n <= 40; n++) await engine.deps.ledger.write(acceptedRow(engine.clock.now(), { id: jobId(n) }), 0);
  const { due } = engine.deps.table;
  engine.deps.table.due = (todo, options) => {
    if (todo === 'sample#unsent#0') throw new StoreError({ code: 'Throttled', message: 'throttled' });
    return due(todo, options);
  };

  engine.clock.advance(14 * MINUTE);
  await engine.reconcile();
  const early = engine.rows().map(({ state }) => state);
  engine.clock.advance(MINUTE);
  await engine.reconcile();

  expect(new Set(early)).toEqual(new Set(['queued']));
  const left = engine.rows().filter(({ state }) => state === 'queued');
  expect(new Set(left.map(({ todo }) => todo))).toEqual(new Set(['sample#unsent#0']));
});

test('a sent job whose message outlived its retention expires, with a warning before, a record and no DLQ entry', async () => {
  const { engine } = sampleEngine();
  await engine.deps.ledger.write(acceptedRow(engine.clock.now()), 0);
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, sentAt: engine.clock.now() }));

  engine.clock.advance(13 * DAY);
  await engine.reconcile();
  const before = engine.row(jobId(1)).state;
  engine.clock.advance(DAY + 60 * MINUTE);
  await engine.reconcile();

  expect(before).toBe('queued');
  expect(engine.facts).toMatchObject([{ fact: 'jobs-expired', subject: 'sample', jobId: jobId(1), on: true }]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired', error: { code: 'Expired' } });
  expect(Object.values(engine.records())).toMatchObject([{ state: 'dead', reason: 'expired' }]);
  expect(engine.deadLetters()).toEqual([]);
});

test('a sent job does not expire while a longer retention keeps its message', async () => {
  const { engine, effects } = sampleEngine();
  await engine.accept(envelope(1));
  await engine.deps.ledger.update(`sample#${jobId(1)}`, (row) => ({ ...row, sentAt: engine.clock.now() }));
  Object.assign(engine.deps.settings('sample'), { retention: 28 * 86_400 });

  engine.clock.advance(15 * DAY);
  await engine.reconcile();
  const { state, todoAt = 0 } = engine.row(jobId(1));
  engine.clock.advance(14 * DAY);
  await engine.reconcile();

  expect([state, todoAt > engine.clock.now() - DAY]).toEqual(['queued', true]);
  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', reason: 'expired' });
  expect(effects).toEqual([]);
});

test("a dead job's row says when its DLQ entry expired, and its body is deleted a day before the row", async () => {
  const { engine } = sampleEngine(rejects);
  await engine.sendAndDeliver(envelope());
  const bodies = () => engine.objects.keys().filter((key) => key.includes('_bodies'));

  engine.clock.advance(14 * DAY + MINUTE);
  await engine.reconcile();
  const expired = engine.row(jobId(1));
  const kept = bodies();
  engine.clock.advance(44 * DAY + MINUTE);
  await engine.reconcile();

  expect(expired.leftDlqAt).toBeDefined();
  expect(kept).toHaveLength(1);
  expect(bodies()).toEqual([]);
  const left = (engine.row(jobId(1)).expiresAt ?? 0) * 1000 - engine.clock.now();
  expect([left > 0, left <= DAY + MINUTE]).toEqual([true, true]);
});

test('a job that is parked again while the reconciler marks its old entry as expired keeps its new entry', async () => {
  let race = async () => {};
  const { engine } = sampleEngine(rejects, { before: (call) => (call === 'table.put' ? race() : undefined) });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(14 * DAY + MINUTE);
  const { key } = engine.row(jobId(1));
  race = async () => {
    race = async () => {};
    const item = (await engine.table.get(key)) as Item;
    await engine.table.put({ ...item, parkedAt: engine.clock.now(), version: item.version + 1 }, item.version);
  };

  await markExpiredEntries(reconcileRun(engine.deps), 'sample', () => true);

  expect(engine.row(jobId(1))).toMatchObject({ state: 'dead', parkedAt: engine.clock.now() });
  expect(engine.row(jobId(1)).leftDlqAt).toBeUndefined();
});
