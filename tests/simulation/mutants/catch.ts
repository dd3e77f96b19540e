import { bundle } from '../draw/bundle';
import { type PartThread, startPartThread } from '../draw/parts';
import { aPlan } from '../draw/plan';
import { scalePlanNamed } from '../scale/plans';
import type { SourceMutant } from './source-mutant';
import { SOURCE_MUTANTS } from './source-mutants';

type By = SourceMutant['by'];

/**
 * Declares a test of each of these mutants, and one of the unchanged code in each of their runs. `also`: runs that no
 * mutant needs.
 */
export function testMutants(isOne: (mutant: SourceMutant) => boolean, also: readonly { name: string; by: By }[] = []) {
  const mutants = Object.entries(SOURCE_MUTANTS).filter(([, mutant]) => isOne(mutant));

  let thread: PartThread;
  beforeAll(async () => {
    const changes = mutants.map(([name, mutant]) => [name, mutant.changes]);
    thread = await startPartThread(await bundle(Object.fromEntries(changes)));
  });
  afterAll(() => thread.stop());

  /** The promise that the mutant breaks in this run. Without a name, the unchanged code runs. */
  async function broken(by: By, mutant?: string): Promise<string | undefined> {
    const named = mutant === undefined ? {} : { mutant };
    if (typeof by !== 'string') return (await thread.run({ plans: [aPlan(by)] }, named)).failure?.violation;
    return (await thread.run({ scale: by, size: scalePlanNamed(by).size }, named)).scaled?.violation;
  }

  const runs = [...mutants.map(([name, { by }]) => ({ name, by })), ...also];
  const once = new Map(runs.map((run) => [JSON.stringify(run.by), run]));

  test.each([...once.values()])('the unchanged code keeps every promise in the run of $name', async ({ by }) => {
    expect(await broken(by)).toBeUndefined();
  });

  test.each(mutants)('%s is caught', async (name, { by, breaks }) => {
    expect(await broken(by, name)).toMatch(breaks);
  });
}
