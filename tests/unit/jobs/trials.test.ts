import { createTrials } from '../../../lib/jobs/ledger';
import { type Fault, withFaults } from '../../support/faults';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const trialsOf = (table = memoryTable(), fault: () => Fault = () => 'none') =>
  createTrials({ table: withFaults(table, fault), clock: memoryClock(), random: memoryRandom() });

test('a message that a worker began is found by queue and id, however often it was begun', async () => {
  const trials = trialsOf();

  await trials.begin('feedback', 'm1');
  await trials.begin('feedback', 'm1');

  expect(await trials.begun('feedback', 'm1')).toBe(true);
  expect(await trials.begun('feedback', 'm2')).toBe(false);
  expect(await trials.begun('emails', 'm1')).toBe(false);
});

test('a worker that survived the message removes its note', async () => {
  const trials = trialsOf();
  await trials.begin('feedback', 'm1');

  await trials.forget('feedback', 'm1');

  expect(await trials.begun('feedback', 'm1')).toBe(false);
});

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
