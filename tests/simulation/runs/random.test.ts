import fc from 'fast-check';
import { anyPlan } from '../draw/draw';
import { unreached } from '../draw/expected';
import { partsOf, runParts, type Searched } from '../draw/parts';
import { PLANNED } from '../draw/planned';
import { explain, type Part } from '../draw/property';
import { SIMULATIONS } from '../queues/queues';
import { runPlan } from './run';

/** These runs are always the same, so a failure comes from the change. `npm run simulate` searches further. */
const SUITE_SEED = 3;
/** Runs of each queue: a simulation of several queues makes as many, divided by their number. */
const SCHEDULES = 40;
/** Runs that are new each time, over all simulations. */
const FRESH = 200;
/** The parts of fresh runs that once broke a promise, as their report named them. */
const FAILED_ONCE: readonly Part[] = [];

const freshSeed = Number(process.env.SIMULATION_FRESH_SEED ?? Date.now() % 2 ** 31);
const fresh = SIMULATIONS.flatMap((one, index) =>
  partsOf([one], { each: Math.ceil(FRESH / SIMULATIONS.length), seed: (freshSeed + index) % 2 ** 31 }),
);

let found: Searched;
beforeAll(async () => {
  process.stderr.write(
    `${FRESH} fresh runs. Repeat them: SIMULATION_FRESH_SEED=${freshSeed} npm test -- tests/simulation/runs/random\n`,
  );
  const seed = Number(process.env.SIMULATION_SEED ?? SUITE_SEED);
  const parts = SIMULATIONS.flatMap((one) => partsOf([one], { each: Math.ceil(SCHEDULES / one.queues.length), seed }));
  found = await runParts([...parts, ...FAILED_ONCE, ...fresh, { plans: PLANNED }]);
}, 900_000);

/** Whether a part of fresh runs has this seed. The fixed parts have low seeds. */
const isFresh = ({ seed }: { seed: number }): boolean => fresh.some((part) => part.seed === seed);

test.each(SIMULATIONS)('40 random schedules of each queue keep every promise: $name', ({ name }) => {
  const failure = found.failures.find((one) => one.simulation === name && !isFresh(one));
  if (failure) throw new Error(explain(failure));
});

test('the planned runs keep every promise', () => {
  const failure = found.failures.find(({ simulation }) => simulation === 'planned');
  if (failure) throw new Error(explain(failure));
});

test('200 schedules that are new each time keep every promise', () => {
  const failure = found.failures.find(isFresh);
  if (failure) throw new Error(explain(failure));
});

test('the random schedules reach every fault and state', () => {
  expect(unreached(found.reached)).toEqual([]);
});

test('a plan always makes the same run, call by call and to the millisecond', async () => {
  const plans = SIMULATIONS.flatMap(({ queues }) => fc.sample(anyPlan(queues), { seed: 9, numRuns: 2 }));
  const runAll = async () => {
    const hashes: string[] = [];
    for (const plan of plans) hashes.push((await runPlan(plan)).world.trace.hash());
    return hashes;
  };

  const first = await runAll();

  expect(await runAll()).toEqual(first);
  expect(new Set(first).size).toBe(plans.length);
});
