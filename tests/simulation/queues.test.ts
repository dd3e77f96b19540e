import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QUEUES } from './queues';

test('every queue that is simulated has its random runs among the tests', () => {
  const files = readdirSync(__dirname);

  const expected = QUEUES.map(({ name }) => `random-${name}.test.ts`);

  expect(files).toEqual(expect.arrayContaining(expected));
});

test('every queue of the service is simulated, or says here why not', () => {
  const folders = readdirSync(join(process.cwd(), 'handlers')).map((file) => file.replace(/\.ts$/, ''));
  const notQueues = ['reconciler', 'alarms', 'email-events', 'compaction'];
  const later: string[] = [];

  const missing = folders.filter(
    (name) => ![...notQueues, ...later, ...QUEUES.map((queue) => queue.name)].includes(name),
  );

  expect(missing).toEqual([]);
});
