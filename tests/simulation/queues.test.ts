import { readdirSync } from 'node:fs';
import { QUEUES } from './queues';

test('every queue that is simulated has its random runs among the tests', () => {
  const files = readdirSync(__dirname);

  const expected = QUEUES.map(({ name }) => `random-${name}.test.ts`);

  expect(files).toEqual(expect.arrayContaining(expected));
});
