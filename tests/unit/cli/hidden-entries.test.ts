import { hiddenUntil } from '../../../lib/reconcile/pass';
import { layParked } from '../../support/dead-letters';
import { jobId, memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

/** 300 dead jobs. The reconciler hides the first hundred, because its walk through the DLQ takes several runs. */
async function hidden() {
  let cost = 0;
  const { contract, effects } = sampleContract();
  const engine: ReturnType<typeof memoryEngine> = memoryEngine(() => contract, {
    before: () => engine.clock.advance(cost),
  });
  await layParked(engine, 300);
  cost = 100;
  await engine.reconcile();
  cost = 0;
  const until = (await hiddenUntil(engine.deps, 'sample')) ?? 0;
  const shown = `${new Date(until).toISOString().slice(0, 19).replace('T', ' ')} (UTC)`;
  const { inFlight } = await engine.deps.queues.depth(engine.deps.dlqUrl('sample'));
  /** Waits until the entries are visible again. */
  const back = () => engine.clock.advance(until - engine.clock.now() + 10_000);
  return { engine, effects, shown, inFlight, back };
}

const SAYS = 'sample: The reconciler looks through this DLQ in several runs and hides what it has seen until';

test('sls dlq list includes hidden entries, and says until when they are hidden', async () => {
  const { engine, shown, back } = await hidden();

  const during = await command(engine, 'dlq list', { queue: 'sample' });
  back();
  const after = await command(engine, 'dlq list', { queue: 'sample' });

  expect([during.lines.length, after.lines.length]).toEqual([301, 301]);
  expect(during.notes).toEqual([`${SAYS} ${shown}. This list is read from the table.`]);
  expect(after.notes).toEqual([]);
});

test('a discarded hidden entry leaves the DLQ when it is visible again, and the command says when', async () => {
  const { engine, shown, back } = await hidden();

  const { lines, notes } = await command(engine, 'dlq discard', { id: jobId(1) });
  back();
  await engine.reconcile();

  expect(lines).toEqual([`sample ${jobId(1)}: its entry leaves the DLQ after ${shown} at the latest.`]);
  expect(notes).toEqual([`${SAYS} ${shown}.`]);
  expect(engine.deadLetters()).toHaveLength(299);
});

test('a job with a hidden entry can be redriven, and the entry leaves the DLQ when it is visible again', async () => {
  const { engine, effects, shown, back } = await hidden();
  const { body } = engine.deadLetters()[0] ?? { body: '' };
  await engine.objects.put(`jobs/_bodies/sample/${jobId(1)}`, body, 'application/json');

  const { lines, notes } = await command(engine, 'dlq redrive', { id: jobId(1) });
  await engine.deliver();
  back();
  await engine.reconcile();

  expect(lines).toEqual(['1 job redriven.']);
  expect(notes).toEqual([`${SAYS} ${shown}. Entries of redriven jobs leave the DLQ after that.`]);
  expect(effects).toEqual([jobId(1)]);
  expect(engine.deadLetters()).toHaveLength(299);
});

test('a job whose body is only in a hidden entry can be retried when the entry is visible again', async () => {
  const { engine, effects, shown, back } = await hidden();

  const refused = command(engine, 'jobs retry', { id: jobId(1) });
  await expect(refused).rejects.toThrow(`its DLQ entry is hidden or too far back: try again after ${shown}`);
  back();
  await command(engine, 'jobs retry', { id: jobId(1) });
  await engine.deliver();

  expect(effects).toEqual([jobId(1)]);
});
