import { ASSUMED, bill, billedOf, storedCounts, sumOf } from '../../../resources/cost';
import { templateOf } from '../../support/packages';
import { counts } from './count';
import { monitoringOf } from './monitoring';

// After a change, read the difference, then run: npm run cost:count
test('the stored counts of calls are those that the code makes', async () => {
  expect(storedCounts()).toEqual(await counts());
});

test('a clean feedback takes eight calls of the table in a new process, then five, and one object', () => {
  const { feedback, nextFeedback } = storedCounts();
  const ofTable = ([name]: [string, number]) => name.startsWith('table.');
  const calls = [feedback, nextFeedback].map((counted) =>
    Object.entries(counted)
      .filter(ofTable)
      .reduce((sum, [, count]) => sum + count, 0),
  );

  expect(calls).toEqual([8, 5]);
  expect(nextFeedback).toMatchObject({ 'objects.create': 1 });
});

test('a month of a beta costs less than 30 dollars, of which monitoring is at most 20', async () => {
  const { Resources } = await templateOf('prod');
  const billed = billedOf(Resources, 'mht-api');
  const costs = bill(storedCounts(), { feedback: 3_000, emails: 100_000, events: 3_000_000, testflight: 500 }, billed);

  expect(JSON.stringify(Resources)).toContain(`"MemorySize":${ASSUMED.hoursGb * 1024}`);
  expect(JSON.stringify(Resources)).toContain(`rate(${ASSUMED.hoursEveryMinutes} minutes)`);
  expect(billed.metrics).toBeLessThanOrEqual(40);
  expect(monitoringOf(costs)).toBeLessThanOrEqual(20);
  expect(sumOf(costs)).toBeLessThan(30);
});
