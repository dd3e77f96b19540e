import { unreached } from './expected';
import { partsOf, runParts, type Searched } from './parts';
import { explain } from './property';
import { SIMULATIONS } from './queues';

/** The same runs each time: a test that fails says something about the change, `npm run simulate` looks further. */
const SUITE_SEED = 1;
const RUNS = 2_000;

let found: Searched;
beforeAll(async () => {
  const seed = Number(process.env.SIMULATION_SEED ?? SUITE_SEED);
  found = await runParts(partsOf(SIMULATIONS, { each: RUNS, seed }));
}, 900_000);

test.each(SIMULATIONS)('2,000 random runs of $name keep every promise', ({ name }) => {
  const failure = found.failures.find(({ simulation }) => simulation === name);
  if (failure) throw new Error(explain(failure));
});

test('and they reach every fault and state that there is', () => {
  expect(unreached(found.reached)).toEqual([]);
});
