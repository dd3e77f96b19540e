import { WaitError } from '../../../lib/errors';
import { reconcilerKey } from '../../../lib/jobs/keys';
import { IllegalTransitionError } from '../../../lib/jobs/transitions';
import { envelope, jobId, type memoryEngine } from '../../support/engine';
import { SAMPLE_QUEUE, sampleEngine } from '../../support/sample-contract';

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

test('an illegal change of a job is refused and counted, as in the worker', async () => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code: 'RateLimited', message: '429', vendor: 'zendesk', waitMs: MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  const row = engine.row(jobId(1));
  engine.deps.ledger.get = () => Promise.reject(new IllegalTransitionError('release', row));

  engine.clock.advance(2 * MINUTE);
  await engine.reconcile();

  expect(engine.metrics).toContainEqual({ name: 'IllegalTransitions', value: 1, dimensions: {} });
  expect(engine.lines).toContainEqual({
    message: 'reconciling failed',
    facts: { kind: 'releaseDue', queue: 'sample', jobId: jobId(1), code: 'IllegalTransition' },
  });
});

type Engine = ReturnType<typeof memoryEngine>;
const last = ({ metrics }: Engine, name: string, queue: string) =>
  metrics.findLast((metric) => metric.name === name && metric.dimensions.queue === queue)?.value;

test.each(['OutsideWindow', 'DailyCapReached'])('a chunk that waits with %s does not count', async (code) => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code, message: 'not now', waitMs: 10 * MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  engine.clock.advance(MINUTE);

  await engine.reconcile();

  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});

test('a paused job does not count, because an operator decides when it goes on', async () => {
  const { engine } = sampleEngine(() => {
    throw new WaitError({ code: 'NoSlot', message: 'no slot', waitMs: 10 * MINUTE });
  });
  await engine.sendAndDeliver(envelope());
  await engine.deps.ledger.update(engine.row(jobId(1)).key, (row) => ({ ...row, reason: 'paused' }));
  engine.clock.advance(MINUTE);

  await engine.reconcile();

  expect(last(engine, 'OldestHeld', SAMPLE_QUEUE)).toBe(0);
});
