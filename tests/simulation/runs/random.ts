import fc from 'fast-check';
import { PATIENCE_MS } from '../../support/patience.cjs';
import { anyPlan } from '../draw/draw';
import { partsOf, runParts, type Searched } from '../draw/parts';
import { PLANNED } from '../draw/planned';
import { explain, type Part } from '../draw/property';
import { SIMULATIONS } from '../queues/queues';
import { runPlan } from './run';

/** These runs are always the same, so a failure comes from the change. `npm run simulate` searches further. */
const SUITE_SEED = 3;
/** The parts of fresh runs that once broke a promise, as their report named them. */
const FAILED_ONCE: readonly Part[] = [];

interface Sizes {
  /** Runs of each queue: a simulation of several queues makes as many, divided by their number. */
  schedules: number;
  /** Runs that are new each time, over all simulations. */
  fresh: number;
  /** Runs of each simulation that are made twice. */
  repeated: number;
  /** How to repeat the fresh runs. */
  command: string;
}

/** Declares the tests of random runs. The answer gives what those reached that are always the same. */
export function testRandomRuns({ schedules, repeated, command, ...sizes }: Sizes): () => Searched['reached'] {
  const freshSeed = Number(process.env.SIMULATION_FRESH_SEED ?? Date.now() % 2 ** 31);
  const fixedSeed = Number(process.env.SIMULATION_SEED ?? SUITE_SEED);

  let fixed: Searched;
  let fresh: Searched;
  beforeAll(async () => {
    process.stderr.write(`${sizes.fresh} fresh runs. Repeat them: SIMULATION_FRESH_SEED=${freshSeed} ${command}\n`);
    const fixedParts = SIMULATIONS.flatMap((one) =>
      partsOf([one], { each: Math.ceil(schedules / one.queues.length), seed: fixedSeed }),
    );
    const freshParts = SIMULATIONS.flatMap((one, index) =>
      partsOf([one], { each: Math.ceil(sizes.fresh / SIMULATIONS.length), seed: (freshSeed + index) % 2 ** 31 }),
    );
    fixed = await runParts([...fixedParts, ...FAILED_ONCE, { plans: PLANNED }]);
    fresh = await runParts(freshParts);
  }, 6 * PATIENCE_MS);

  const keepsPromises = (failure: Searched['failures'][number] | undefined) => {
    if (failure) throw new Error(explain(failure));
  };

  test.each(SIMULATIONS)(`${schedules} random schedules of each queue keep every promise: $name`, ({ name }) => {
    keepsPromises(fixed.failures.find(({ simulation }) => simulation === name));
  });

  test('the planned runs keep every promise', () => {
    keepsPromises(fixed.failures.find(({ simulation }) => simulation === 'planned'));
  });

  test(`${sizes.fresh} schedules that are new each time keep every promise`, () => {
    keepsPromises(fresh.failures[0]);
  });

  test('a plan always makes the same run, call by call and to the millisecond', async () => {
    const plans = SIMULATIONS.flatMap(({ queues }) => fc.sample(anyPlan(queues), { seed: 9, numRuns: repeated }));
    const runAll = async () => {
      const hashes: string[] = [];
      for (const plan of plans) hashes.push((await runPlan(plan)).world.trace.hash());
      return hashes;
    };

    const firstRuns = await runAll();

    expect(await runAll()).toEqual(firstRuns);
    expect(new Set(firstRuns).size).toBe(plans.length);
  });

  return () => fixed.reached;
}
