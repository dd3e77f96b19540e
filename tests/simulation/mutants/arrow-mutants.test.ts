import { bundle, type SourceChange } from '../draw/bundle';
import { expectKept, type PartThread, startPartThread } from '../draw/parts';
import { aPlan } from '../draw/plan';
import { ARROW_MUTANTS } from './source/arrows';

const MUTANTS = Object.entries(ARROW_MUTANTS).map(([arrow, { changes, breaks, by }]) => ({
  arrow,
  changes,
  breaks,
  plan: aPlan('plan' in by ? by.plan : {}),
}));

/** One bundle has all mutants, because a bundle takes longer than the runs. Each is on in a thread with its name. */
const SWITCHES: SourceChange[] = MUTANTS.flatMap(({ arrow, changes }) =>
  changes.map(({ file, find, replace }) => ({
    file,
    find,
    replace: `((globalThis as { mutant?: string }).mutant === '${arrow}' ? (${replace}) : (${find}))`,
  })),
);
const switches = bundle(SWITCHES);

async function withMutant(arrow: string, run: (thread: PartThread) => Promise<void>): Promise<void> {
  const thread = await startPartThread(`globalThis.mutant = '${arrow}';\n${await switches}`);
  await run(thread).finally(() => thread.stop());
}

test('the unchanged arrows keep every promise', () =>
  withMutant('none', (thread) => expectKept(thread, { plans: MUTANTS.map(({ plan }) => plan) })));

test.each(MUTANTS)('a mistake in the arrow $arrow is caught', ({ arrow, breaks, plan }) =>
  withMutant(arrow, async (thread) => {
    expect((await thread.run({ plans: [plan] })).failure?.violation).toMatch(breaks);
  }),
);
