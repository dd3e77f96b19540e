import { bundle } from '../draw/bundle';
import { type PartThread, startPartThread } from '../draw/parts';
import { aPlan } from '../draw/plan';
import { SCALE_PLANS, scalePlanNamed } from '../scale/plans';
import type { SourceMutant } from './source-mutant';
import { SOURCE_MUTANTS } from './source-mutants';

const MUTANTS = Object.entries(SOURCE_MUTANTS);

let thread: PartThread;
beforeAll(async () => {
  thread = await startPartThread(
    await bundle(Object.fromEntries(MUTANTS.map(([name, { changes }]) => [name, changes]))),
  );
});
afterAll(() => thread.stop());

/** The promise that the mutant breaks in this run. Without a name, the unchanged code runs. */
async function broken(by: SourceMutant['by'], mutant?: string): Promise<string | undefined> {
  const named = mutant === undefined ? {} : { mutant };
  if (typeof by !== 'string') return (await thread.run({ plans: [aPlan(by)] }, named)).failure?.violation;
  return (await thread.run({ scale: by, size: scalePlanNamed(by).size }, named)).scaled?.violation;
}

/** Each run once, and also the scale plans that no mutant needs. */
const RUNS = new Map(
  [...MUTANTS.map(([name, { by }]) => ({ name, by })), ...SCALE_PLANS.map(({ name }) => ({ name, by: name }))].map(
    (run) => [JSON.stringify(run.by), run],
  ),
);

test.each([...RUNS.values()])('the unchanged code keeps every promise in the run of $name', async ({ by }) => {
  expect(await broken(by)).toBeUndefined();
});

test.each(MUTANTS)('%s is caught', async (name, { by, breaks }) => {
  expect(await broken(by, name)).toMatch(breaks);
});
