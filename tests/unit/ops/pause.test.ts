import { setImmediate } from 'node:timers/promises';
import { pauseKey } from '../../../lib/jobs/keys';
import { OperatorError } from '../../../lib/ops/operator';
import { pauseOf, pauseQueue, resumeQueue } from '../../../lib/ops/pause';
import { memoryDeployment } from '../../support/deployment';
import { watch } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

const DAY = 86_400;
const paused = { queue: 'sample', reason: 'SendGrid moves our account' };

/** `cut`: the process ends before it changes the mapping. */
function aDeployment() {
  const { engine } = sampleEngine();
  const made = memoryDeployment(engine);
  const set = () => Promise.reject(new Error('the process ended'));
  const cut = { ...made.deployment, mappings: { ...made.deployment.mappings, set } };
  return { engine, ...made, cut };
}

test('a pause is stored with operator and reason, and switches the event source mapping off', async () => {
  const { engine, deployment, on } = aDeployment();

  const { again, resumeBefore } = await pauseQueue(deployment, paused);

  expect(on.get('sample')).toBe(false);
  const stored = { at: engine.clock.now(), by: 'user/jane', reason: paused.reason };
  expect(await pauseOf(engine.table, 'sample')).toMatchObject(stored);
  expect(again).toBe(false);
  expect(resumeBefore).toBe(engine.clock.now() + 7 * DAY * 1000);
});

test('a repeat completes a pause that was cut off, and keeps its first reason', async () => {
  const { engine, deployment, on, cut } = aDeployment();
  await expect(pauseQueue(cut, paused)).rejects.toThrow('the process ended');
  engine.clock.advance(60_000);

  const repeat = await pauseQueue(deployment, { queue: 'sample', reason: 'another' });

  expect(repeat).toMatchObject({ again: true, pause: { reason: 'SendGrid moves our account', by: 'user/jane' } });
  expect(on.get('sample')).toBe(false);
});

test('a repeat completes a resume that was cut off', async () => {
  const { engine, deployment, on, cut } = aDeployment();
  await pauseQueue(deployment, paused);
  await expect(resumeQueue(cut, 'sample')).rejects.toThrow('the process ended');

  await resumeQueue(deployment, 'sample');

  expect(on.get('sample')).toBe(true);
  expect(await pauseOf(engine.table, 'sample')).toBeUndefined();
});

test('a pause is refused while a message has waited for more than half of the retention', async () => {
  const { engine, deployment, on, metrics } = aDeployment();
  metrics.set('ApproximateAgeOfOldestMessage', [{ at: engine.clock.now() - 60_000, value: 7 * DAY + 1 }]);

  await expect(pauseQueue(deployment, paused)).rejects.toThrow("more than half of the queue's retention");

  expect(on.get('sample')).toBe(true);
  expect(await pauseOf(engine.table, 'sample')).toBeUndefined();
});

test.each(['', 'two\nlines', 'x'.repeat(201)])('the reason %j is refused', async (reason) => {
  await expect(pauseQueue(aDeployment().deployment, { queue: 'sample', reason })).rejects.toThrow(
    'The reason must be one line of at most 200 characters',
  );
});

test('a queue without an event source mapping cannot be paused or resumed', async () => {
  const { deployment, on } = aDeployment();
  on.delete('sample');

  await expect(pauseQueue(deployment, paused)).rejects.toThrow('has no event source mapping');
  await expect(resumeQueue(deployment, 'sample')).rejects.toThrow('has no event source mapping');
});

test('a resume switches the mapping on and forgets the pause, and a second one is harmless', async () => {
  const { engine, deployment, on } = aDeployment();
  await pauseQueue(deployment, paused);

  const ended = await resumeQueue(deployment, 'sample');
  const again = await resumeQueue(deployment, 'sample');

  expect(ended).toMatchObject({ reason: 'SendGrid moves our account' });
  expect(again).toBeUndefined();
  expect(on.get('sample')).toBe(true);
  expect(engine.table.item(pauseKey('sample'))).toBeUndefined();
});

const ACTS = {
  pause: (deps: Acting) => pauseQueue(deps, paused),
  resume: (deps: Acting) => resumeQueue(deps, 'sample'),
};
type Act = keyof typeof ACTS;
type Acting = ReturnType<typeof memoryDeployment>['deployment'];

/** Two operators act at once. `turns`: whose next call of the table or of Lambda happens. Answers who succeeded. */
async function atOnce(deployment: Acting, acts: readonly Act[], turns: readonly number[]): Promise<Act[]> {
  const waiting = new Map<number, () => void>();
  const succeeded: Act[] = [];
  const acting = acts.map(async (act, n) => {
    const before = () => new Promise<void>((go) => waiting.set(n, go));
    const table = watch(deployment.table, 'table', { before });
    const mappings = watch(deployment.mappings, 'mappings', { before });
    await ACTS[act]({ ...deployment, table, mappings }).then(
      () => succeeded.push(act),
      (error: unknown) => expect(error).toBeInstanceOf(OperatorError),
    );
  });
  const next = async (n: number) => {
    const go = waiting.get(n);
    waiting.delete(n);
    go?.();
    await setImmediate();
  };
  for (const n of turns) await next(n);
  for (let n = 0; waiting.size > 0; n++) await next(n % acts.length);
  await Promise.all(acting);
  return succeeded;
}

/** Every order of so many turns of the first and of the second. */
const orders = (first: number, second: number): number[][] =>
  first === 0 && second === 0
    ? [[]]
    : [
        ...(first > 0 ? orders(first - 1, second).map((order) => [0, ...order]) : []),
        ...(second > 0 ? orders(first, second - 1).map((order) => [1, ...order]) : []),
      ];

test.each<[Act, Act, string]>([
  ['pause', 'resume', 'paused'],
  ['pause', 'resume', 'running'],
  ['pause', 'pause', 'running'],
  ['resume', 'resume', 'paused'],
])('a %s and a %s of a %s queue at once leave mapping and pause alike, in each order', async (one, other, begin) => {
  const wrong: string[] = [];
  for (const turns of orders(6, 6)) {
    const { engine, deployment, on } = aDeployment();
    if (begin === 'paused') await pauseQueue(deployment, paused);

    const succeeded = new Set(await atOnce(deployment, [one, other], turns));

    const state = (await pauseOf(engine.table, 'sample')) ? 'pause' : 'resume';
    if (on.get('sample') !== (state === 'resume') || !succeeded.has(state))
      wrong.push(`${turns.join('')}: ${[...succeeded]}, then ${state}, on ${on.get('sample')}`);
  }
  expect(wrong).toEqual([]);
});
