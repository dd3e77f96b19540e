import { testRandomRuns } from './random';

testRandomRuns({ schedules: 10, fresh: 40, repeated: 1, command: 'npm test -- tests/simulation/runs/random' });
