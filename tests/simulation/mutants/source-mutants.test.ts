import { createBundler } from '../draw/bundle';
import { type PartThread, startPartThread } from '../draw/parts';
import { aPlan } from '../draw/plan';
import { scalePlanNamed } from '../scale/plans';
import type { SourceMutant } from './source-mutant';
import { SOURCE_MUTANTS } from './source-mutants';

const FILES = Object.values(SOURCE_MUTANTS).flatMap(({ changes }) => changes.map(({ file }) => file));

let unchanged: PartThread;
let bundler: Awaited<ReturnType<typeof createBundler>>;
beforeAll(async () => {
  [unchanged, bundler] = await Promise.all([startPartThread(), createBundler(FILES)]);
});
afterAll(() => Promise.all([unchanged.stop(), bundler.close()]));

/** The promise that the code in the thread breaks in this run. */
async function broken(thread: PartThread, by: SourceMutant['by']): Promise<string | undefined> {
  if ('plan' in by) return (await thread.run({ plans: [aPlan(by.plan)] })).failure?.violation;
  const { scale, size = scalePlanNamed(scale).size } = by;
  return (await thread.run({ scale, size })).scaled?.violation;
}

/** Each run once. `scale.test.ts` has the scale plans with their own number of items. */
const RUNS = new Map(
  Object.entries(SOURCE_MUTANTS)
    .filter(([, { by }]) => 'plan' in by || by.size !== undefined)
    .map(([name, { by }]) => [JSON.stringify(by), { name, by }]),
);

test.each([...RUNS.values()])('the unchanged code keeps every promise in the run of $name', async ({ by }) => {
  expect(await broken(unchanged, by)).toBeUndefined();
});

test.each(Object.entries(SOURCE_MUTANTS))('%s is caught', async (_name, { by, changes, breaks }) => {
  const thread = await startPartThread(await bundler.bundle(changes));
  expect(await broken(thread, by).finally(() => thread.stop())).toMatch(breaks);
});
