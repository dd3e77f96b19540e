import { readFileSync } from 'node:fs';
import { bill, sumOf } from './bill';
import { type Counts, counts } from './count';

const stored = () => JSON.parse(readFileSync('tests/bench/cost/counts.json', 'utf8')) as Counts;

// After a change, read the difference, then run: npm run cost:count
test('the stored counts of calls are those that the code makes', async () => {
  expect(stored()).toEqual(await counts());
});

test('a clean feedback takes nine calls of the table in a new process, then seven, and one object', () => {
  const { feedback, nextFeedback } = stored();
  const calls = [feedback, nextFeedback].map((counted) => (counted['table.get'] ?? 0) + (counted['table.put'] ?? 0));

  expect(calls).toEqual([9, 7]);
  expect(nextFeedback).toMatchObject({ 'objects.create': 1 });
});

test('a month of a beta costs less than 20 dollars, with monitoring', () => {
  const costs = bill(stored(), { feedback: 3_000, emails: 100_000, events: 3_000_000, testflight: 500 });

  expect(sumOf(costs)).toBeLessThan(20);
});
