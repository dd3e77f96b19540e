import { unreached } from '../draw/expected';
import { partsOf, runParts, type Searched } from '../draw/parts';
import { explain } from '../draw/property';
import { SIMULATIONS } from '../queues/queues';

/** The tests always use the same runs, so a failure comes from the change. `npm run simulate` searches further. */
const SUITE_SEED = 1;
/** Runs of each simulation. */
const SCHEDULES = 2_000;

let found: Searched;
beforeAll(async () => {
  const seed = Number(process.env.SIMULATION_SEED ?? SUITE_SEED);
  const parts = SIMULATIONS.flatMap((one) => partsOf([one], { each: SCHEDULES / one.queues.length, seed }));
  found = await runParts(parts);
}, 900_000);

test.each(SIMULATIONS)('2,000 random schedules of each queue keep every promise: $name', ({ name }) => {
  const failure = found.failures.find(({ simulation }) => simulation === name);
  if (failure) throw new Error(explain(failure));
});

test('the random schedules reach every fault and state', () => {
  expect(unreached(found.reached)).toEqual([]);
});
