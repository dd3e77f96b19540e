import { ASSUMED, bill, billedOf, sumOf } from '../../../resources/cost';
import { templateOf } from '../../support/packages';
import { counts, storedCalls } from './count';
import { monitoringOf } from './monitoring';

// After a change, read the difference, then run: npm run cost:count
test('the stored counts of calls are those that the code makes', async () => {
  expect(storedCalls()).toEqual(await counts());
});

test('a month of a beta costs less than 30 dollars, of which monitoring is at most 20.50', async () => {
  const { Resources } = await templateOf('prod');
  const billed = billedOf(Resources, 'mht-api');
  const costs = bill(
    { feedback: 3_000, mails: 10_000, recipients: 90_000, events: 3_000_000, testflight: 500 },
    billed,
  );

  expect(JSON.stringify(Resources)).toContain(`"MemorySize":${ASSUMED.hoursGb * 1024}`);
  expect(billed.metrics).toBeLessThanOrEqual(40);
  expect(monitoringOf(costs)).toBeLessThanOrEqual(20.5);
  expect(sumOf(costs)).toBeLessThan(28);
});
