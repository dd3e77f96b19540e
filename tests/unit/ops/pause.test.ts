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

test('a pause is stored, and Lambda receives nothing until the resume. A second resume is harmless', async () => {
  const { engine, deployment, on } = aDeployment();

  const { pause, ...made } = await pauseQueue(deployment, paused);
  const during = on.get('sample');
  const ended = await resumeQueue(deployment, 'sample');
  const again = await resumeQueue(deployment, 'sample');

  expect(pause).toMatchObject({ at: engine.clock.now(), by: 'user/jane', reason: paused.reason });
  expect(made).toEqual({ resumeBefore: engine.clock.now() + 7 * DAY * 1000 });
  expect(ended).toMatchObject({ at: pause.at, by: pause.by, reason: pause.reason });
  expect([during, again, on.get('sample')]).toEqual([false, undefined, true]);
  expect(engine.table.item(pauseKey('sample'))).toBeUndefined();
});

test('a repeat completes a pause or a resume that was cut off. The pause keeps its first reason', async () => {
  const { engine, deployment, on, cut } = aDeployment();

  await expect(pauseQueue(cut, paused)).rejects.toThrow('the process ended');
  engine.clock.advance(60_000);
  const repeat = await pauseQueue(deployment, { queue: 'sample', reason: 'another' });
  const during = on.get('sample');
  await expect(resumeQueue(cut, 'sample')).rejects.toThrow('the process ended');
  await resumeQueue(deployment, 'sample');

  expect(repeat).toMatchObject({ pause: { reason: paused.reason, by: 'user/jane' } });
  expect([during, on.get('sample')]).toEqual([false, true]);
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
