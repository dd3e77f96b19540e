import { discard, retry } from '../../../lib/ops/act';
import { anEnvelope, jobId } from '../../support/engine';
import { rejects, sampleEngine } from '../../support/sample-contract';

async function dead() {
  let broken = true;
  const { engine, effects } = sampleEngine(() => {
    if (broken) rejects();
  });
  await engine.sendAndDeliver(JSON.stringify(anEnvelope()));
  const fix = () => {
    broken = false;
  };
  return { engine, effects, fix, row: () => engine.row(jobId(1)) };
}

test('a discarded entry leaves the DLQ, the job stays dead, and row and record show the discard, once', async () => {
  const { engine, row } = await dead();

  await discard(engine.deps, row());
  const once = row();
  await discard(engine.deps, row());
  expect(row()).toEqual(once);
  await engine.reconcile();

  expect(engine.deadLetters()).toEqual([]);
  expect(row()).toMatchObject({ state: 'dead', leftDlqAt: engine.clock.now(), recordedAt: engine.clock.now() });
  expect(Object.values(engine.records())).toMatchObject([
    {
      state: 'dead',
      history: expect.arrayContaining([expect.objectContaining({ event: 'DLQ entry discarded (operator)' })]),
    },
  ]);
});

test('a job whose entry was discarded can be retried, and its next entry stays in the DLQ', async () => {
  const { engine, row } = await dead();
  await discard(engine.deps, row());
  await engine.reconcile();

  await retry(engine.deps, row());
  await engine.deliver();
  await engine.reconcile();

  expect(row()).toMatchObject({ state: 'dead', generation: 2 });
  expect(row()).not.toHaveProperty('leftDlqAt');
  expect(engine.deadLetters()).toHaveLength(1);
});

test('a discard is refused if the row has changed since it was read', async () => {
  const { engine, row, fix } = await dead();
  const looked = row();
  fix();
  await retry(engine.deps, looked);
  await engine.deliver();

  await expect(discard(engine.deps, looked)).rejects.toThrow('has just changed. Look at it again');
  await expect(discard(engine.deps, row())).rejects.toThrow('is succeeded: only a dead job has a DLQ entry');
});

test('a discard of an end without its record leaves the record to the reconciler, since the first write may land late', async () => {
  const { engine, row } = await dead();
  await engine.deps.ledger.update(row().key, ({ recordedAt: _recordedAt, ...now }) => now);
  const version = (records: Record<string, Record<string, unknown>>) => Object.values(records)[0]?.version;
  const before = version(engine.records());

  await discard(engine.deps, row());
  const during = version(engine.records());
  engine.clock.advance(6 * 60_000);
  await engine.reconcile();

  expect(during).toBe(before);
  expect(version(engine.records())).toBeGreaterThan(Number(before));
  expect(row()).toMatchObject({ state: 'dead', recordedAt: engine.clock.now() });
});
