import { readFileSync } from 'node:fs';
import { bill, sumOf } from './bill';
import { type Counts, counts } from './count';

const stored = () => JSON.parse(readFileSync('tests/bench/cost/counts.json', 'utf8')) as Counts;

// After a change, read the difference, then run: npm run cost:count
test('the stored counts of calls are those that the code makes', async () => {
  expect(stored()).toEqual(await counts());
});

test('a clean feedback takes eight calls of the table and one object', () => {
  const { feedback } = stored();

  expect((feedback['table.get'] ?? 0) + (feedback['table.put'] ?? 0)).toBe(8);
  expect(feedback).toMatchObject({ 'objects.create': 1 });
});

test('a month of a beta costs less than 20 dollars, with monitoring', () => {
  const costs = bill(stored(), { feedback: 3_000, emails: 100_000, events: 3_000_000, testflight: 500 });

  expect(sumOf(costs)).toBeLessThan(20);
});
