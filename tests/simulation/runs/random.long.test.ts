import { unreached } from '../draw/expected';
import { testRandomRuns } from './random';

const reached = testRandomRuns({
  schedules: 40,
  fresh: 2_000,
  repeated: 2,
  command: 'npm run test:long -- tests/simulation/runs/random',
});

test('the fixed and the planned runs reach every fault and state', () => {
  expect(unreached(reached())).toEqual([]);
});
