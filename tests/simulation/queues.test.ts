import { readdirSync } from 'node:fs';
import { SIMULATIONS } from './queues';

test('whatever is simulated has its random runs among the tests', () => {
  const files = readdirSync(__dirname);

  const expected = SIMULATIONS.map(({ name }) => `random-${name}.test.ts`);

  expect(files).toEqual(expect.arrayContaining(expected));
});
