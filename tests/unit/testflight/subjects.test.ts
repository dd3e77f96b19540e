import { hashesWith } from '../../../lib/jobs/person-hash';
import { createSubjects } from '../../../lib/testflight/subjects';
import type { Job } from '../../../lib/worker/contract';
import { acceptedRow } from '../../support/accepted-row';
import { jobId } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryTable } from '../../support/memory-table';

const clock = memoryClock();
const BEGUN = clock.now();
/** `keys`: the hash keys of the instance. */
const start = (keys: string[] = [], table = memoryTable()) =>
  createSubjects({ table, clock, random: memoryRandom(), hashPeople: async () => hashesWith(keys) });

/** The n-th job about one tester. It was accepted `n` seconds after the start, and planned for `planned` seconds after it. */
function job(
  n: number,
  { generation = 1, planned }: { generation?: number; planned?: number } = {},
): Job<{ app: string; email: string }> {
  const notBefore = planned === undefined ? {} : { notBefore: BEGUN + planned * 1_000 };
  const row = { ...acceptedRow(BEGUN, { id: jobId(n) }), time: BEGUN + n * 1_000, generation, ...notBefore };
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

test('a planned job has its place by its time, not by its acceptance', async () => {
  const subjects = start();
  clock.advance(10_000);
  await subjects.finished(job(3));
  await subjects.finished(job(1, { planned: 5 }));

  await subjects.refuseSuperseded(job(1, { planned: 5, generation: 2 }));
  await expect(subjects.refuseSuperseded(job(4, { generation: 2 }))).rejects.toMatchObject({ code: 'Superseded' });
});

test('a later job from before the instance had a hash key, or had this one, still supersedes', async () => {
  const [old, current] = ['a'.repeat(32), 'b'.repeat(32)] as const;
  const afterLaterJob = async (before: string[], now: string[]) => {
    const table = memoryTable();
    await start(before, table).finished(job(3));
    return start(now, table).refuseSuperseded(job(2, { generation: 2 }));
  };

  await expect(afterLaterJob([], [old])).rejects.toMatchObject({ code: 'Superseded' });
  await expect(afterLaterJob([old], [current, old])).rejects.toMatchObject({ code: 'Superseded' });
  await afterLaterJob([old], [current]);
});
