import { watchCanary } from '../../../../lib/engine/reconcile/measure';
import { damagedRow } from '../../../support/damage';
import { spendReceives } from '../../../support/dead-letters';
import { reconcileRun } from '../../../support/reconcile-run';
import { SAMPLE_QUEUE, sampleEngine } from '../../../support/sample-contract';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const EVERY = 5 * MINUTE;

function start() {
  const { engine, effects } = sampleEngine();
  return {
    ...{ engine, effects, reconcile: () => engine.reconcile({ canaryMs: EVERY }) },
    measured: () => engine.metrics.filter(({ name }) => name === 'Canary').map(({ value }) => value),
  };
}

test.each<[string, ('run' | 'work' | number)[], number[]]>([
  ['that is not done before the next is due counts as 0', ['run', EVERY, 'run', 'work', EVERY, 'run'], [0, 1]],
  ['that was done in time counts as 1, even if the next run is late', ['run', 'work', 3 * HOUR, 'run'], [1]],
  ['that was done too late counts as 0', ['run', EVERY, 'work', 'run'], [0]],
  ['is measured once, when the next is due', ['run', 'work', MINUTE, 'run', MINUTE, 'run'], []],
])('a canary %s', async (_what, course, counts) => {
  const { engine, reconcile, measured } = start();

  for (const step of course)
    if (step === 'run') await reconcile();
    else if (step === 'work') await engine.deliver();
    else engine.clock.advance(step);

  expect(measured()).toEqual(counts);
});

test('a canary does no work, stores nothing in the bucket, and only shows in its own metrics', async () => {
  const { engine, effects, reconcile } = start();
  await reconcile();
  const others = engine.metrics.length;

  await engine.deliver();

  expect(effects).toEqual([]);
  expect(engine.metrics.slice(others)).toEqual([]);
  expect(engine.objects.keys()).toEqual([]);
  expect(engine.lines.at(-1)).toMatchObject({ message: 'delivery handled', facts: { canary: true } });
});

test('a canary whose row does not parse counts as 0, and the next one is sent', async () => {
  const { engine, reconcile, measured } = start();
  await reconcile();
  await damagedRow(engine.table, engine.canaries()[0]?.key ?? '', 'steps');
  engine.clock.advance(EVERY);

  await reconcile();
  await engine.work();
  engine.clock.advance(EVERY);
  await reconcile();

  expect(measured()).toEqual([0, 1]);
});

test('two reconcilers at the same time send one canary and measure it once', async () => {
  const { engine, measured } = start();
  const run = () => watchCanary(reconcileRun(engine.deps, EVERY), SAMPLE_QUEUE, () => true);
  const both = () => Promise.all([run(), run()]);

  await both();
  await engine.deliver();
  engine.clock.advance(EVERY);
  await both();

  expect(engine.canaries()).toMatchObject([{ state: 'succeeded' }, { state: 'queued' }]);
  expect(engine.inQueue()).toBe(1);
  expect(measured()).toEqual([1]);
});

test('a canary that SQS dead-letters is removed from the DLQ and counts as 0', async () => {
  const { engine, reconcile, measured } = start();
  await reconcile();
  spendReceives(engine);
  expect(engine.deadLetters()).toHaveLength(1);

  await reconcile();

  expect(engine.deadLetters()).toEqual([]);
  expect(measured()).toEqual([0]);
  expect(engine.facts).toEqual([]);
});
