import { createTrials } from '../../../lib/jobs/ledger';
import { type Fault, withFaults } from '../../support/faults';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const trialsOf = (table = memoryTable(), fault: () => Fault = () => 'none') =>
  createTrials({ table: withFaults(table, fault), clock: memoryClock(), random: memoryRandom() });

test('a note expires with the rows of its time', async () => {
  const table = memoryTable();

  await trialsOf(table).begin('feedback', 'm1');

  const days = ((table.items()[0]?.expiresAt ?? 0) * 1000 - memoryClock().now()) / 86_400_000;
  expect(days).toBeCloseTo(45);
});

test.each(['refused', 'lost'] as const)('where the table does not take it (%s), the work goes on', async (fault) => {
  const trials = trialsOf(memoryTable(), () => fault);

  await expect(trials.begin('feedback', 'm1')).resolves.toBeUndefined();
  await expect(trials.forget('feedback', 'm1')).resolves.toBeUndefined();
});
