import fc from 'fast-check';
import { anyPlan } from '../draw/draw';
import { SIMULATIONS } from '../queues/queues';
import { testRandomRuns } from './random';
import { runPlan } from './run';

testRandomRuns({ schedules: 10, fresh: 40, command: 'npm test -- tests/simulation/runs/random' });

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
