import { createSignOfLife } from '../../../lib/jobs/alive';
import { type Fault, withFaults } from '../../support/faults';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

function aWorker(table = memoryTable(), fault: () => Fault = () => 'none') {
  const clock = memoryClock();
  const worker = createSignOfLife({ table: withFaults(table, fault), clock, random: memoryRandom() });
  return { table, clock, worker };
}

test('a worker leaves its mark when it starts, and not again for five minutes', async () => {
  const { table, clock, worker } = aWorker();
  const started = clock.now();

  for (const ms of [0, 60_000, 60_000]) {
    clock.advance(ms);
    await worker.mark('feedback');
  }
  const early = await worker.last('feedback');
  clock.advance(180_000);
  await worker.mark('feedback');

  expect(early).toBe(started);
  expect(await worker.last('feedback')).toBe(started + 300_000);
  expect(table.writes()).toBe(2);
});

test('each queue has a mark of its own, and none where no worker ever started', async () => {
  const { worker } = aWorker();

  await worker.mark('feedback');

  expect(await worker.last('emails')).toBeUndefined();
});

test('a new worker leaves it over the mark of the one before', async () => {
  const { table, worker: before } = aWorker();
  await before.mark('feedback');

  const { worker, clock } = aWorker(table);
  clock.advance(1_000);
  await worker.mark('feedback');

  expect(await worker.last('feedback')).toBe(clock.now());
});

test.each(['refused', 'lost'] as const)('where the table does not take it (%s), the work goes on', async (fault) => {
  const { worker } = aWorker(memoryTable(), () => fault);

  await expect(worker.mark('feedback')).resolves.toBeUndefined();
});
