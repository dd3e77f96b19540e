import { bundle } from '../draw/bundle';
import { startPartThread } from '../draw/parts';
import { aPlan } from '../draw/plan';
import { scalePlanNamed } from '../scale/plans';
import type { SourceMutant } from './source-mutant';
import { SOURCE_MUTANTS } from './source-mutants';

/** The promise that the script breaks in this run. */
async function broken(by: SourceMutant['by'], script?: string): Promise<string | undefined> {
  const thread = await startPartThread(script);
  try {
    if ('plan' in by) return (await thread.run({ plans: [aPlan(by.plan)] })).failure?.violation;
    const { scale, size = scalePlanNamed(scale).size } = by;
    return (await thread.run({ scale, size })).scaled?.violation;
  } finally {
    await thread.stop();
  }
}

/** Each run once. `scale.test.ts` has the scale plans with their own number of items. */
const RUNS = new Map(
  Object.entries(SOURCE_MUTANTS)
    .filter(([, { by }]) => 'plan' in by || by.size !== undefined)
    .map(([name, { by }]) => [JSON.stringify(by), { name, by }]),
);

test.each([...RUNS.values()])('the unchanged code keeps every promise in the run of $name', async ({ by }) => {
  expect(await broken(by)).toBeUndefined();
});

test.each(Object.entries(SOURCE_MUTANTS))('%s is caught', async (_name, { by, changes, breaks }) => {
  expect(await broken(by, await bundle(changes))).toMatch(breaks);
});
