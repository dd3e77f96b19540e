import { bundle } from '../draw/bundle';
import { startPartThread } from '../draw/parts';
import { aPlan } from '../draw/plan';
import { scalePlanNamed } from '../scale/plans';
import type { SourceMutant } from './source-mutant';
import { SOURCE_MUTANTS } from './source-mutants';

/** The promise that the script breaks in the mutant's run. */
async function broken({ by }: SourceMutant, script?: string): Promise<string | undefined> {
  const thread = await startPartThread(script);
  try {
    if ('plan' in by) return (await thread.run({ plans: [aPlan(by.plan)] })).failure?.violation;
    const { scale, size = scalePlanNamed(scale).size } = by;
    return (await thread.run({ scale, size })).scaled?.violation;
  } finally {
    await thread.stop();
  }
}

describe.each(Object.entries(SOURCE_MUTANTS))('%s', (_name, mutant) => {
  test('the unchanged code keeps every promise', async () => {
    expect(await broken(mutant)).toBeUndefined();
  });

  test('the mutant is caught', async () => {
    expect(await broken(mutant, await bundle(mutant.changes))).toMatch(mutant.breaks);
  });
});
