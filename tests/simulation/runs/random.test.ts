import { unreached } from '../draw/expected';
import { partsOf, runParts, type Searched } from '../draw/parts';
import { explain } from '../draw/property';
import { SIMULATIONS } from '../queues/queues';

/** The same runs each time: a test that fails says something about the change, `npm run simulate` looks further. */
const SUITE_SEED = 1;
/** Of every queue. */
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

test('and they reach every fault and state that there is', () => {
  expect(unreached(found.reached)).toEqual([]);
});
