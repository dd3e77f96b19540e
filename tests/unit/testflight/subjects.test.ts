import { createSubjects } from '../../../lib/testflight/subjects';
import type { Job } from '../../../lib/worker/contract';
import { acceptedRow } from '../../support/accepted-row';
import { jobId } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const clock = memoryClock();
const start = () => createSubjects({ table: memoryTable(), clock, random: memoryRandom() });

/** The n-th job about one tester. It was accepted `n` seconds after the start. */
function job(n: number, { generation = 1 } = {}): Job<{ app: string; email: string }> {
  const row = { ...acceptedRow(clock.now(), { id: jobId(n) }), time: clock.now() + n * 1_000, generation };
  return { id: jobId(n), data: { app: '1', email: 'tester@example.com' }, row } as unknown as ReturnType<typeof job>;
}

test('a reopened job is refused after a later job about its tester, and not after an earlier one', async () => {
  const subjects = start();
  await subjects.finished(job(2));

  await expect(subjects.refuseSuperseded(job(1, { generation: 2 }))).rejects.toMatchObject({ code: 'Superseded' });
  await subjects.refuseSuperseded(job(3, { generation: 2 }));
});

test('a job that was never dead keeps its place in the order, so no later job supersedes it', async () => {
  const subjects = start();
  await subjects.finished(job(2));

  await subjects.refuseSuperseded(job(1));
});

test('an earlier job that ends last does not take the place of the later one', async () => {
  const subjects = start();
  await subjects.finished(job(3));
  await subjects.finished(job(1));

  await expect(subjects.refuseSuperseded(job(2, { generation: 2 }))).rejects.toMatchObject({ code: 'Superseded' });
});
