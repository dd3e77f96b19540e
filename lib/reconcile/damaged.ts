import { mayFollow } from '../jobs/arrows';
import { countEnd } from '../jobs/count-end';
import { finish } from '../jobs/finish';
import type { JobRow } from '../jobs/row';
import { endDamaged } from '../jobs/transitions';
import type { ReconcileDeps } from './deps';

/** Whether a row lost something that its job needs. Its job must end, unless it has ended or a worker still runs it. */
const mustEnd = (row: JobRow, now: number): boolean =>
  row.damage !== undefined && mayFollow(row, 'endDamaged') && !(row.lease && row.lease.until > now);

/** Ends a job whose damaged row says that it must end. Returns whether it did. */
export async function endedIfDamaged(deps: ReconcileDeps, row: JobRow): Promise<boolean> {
  const applies = (now: JobRow) => mustEnd(now, deps.clock.now());
  if (!applies(row)) return false;
  await endAsDamaged(deps, row, { error: row.damage, applies });
  return true;
}

/** Ends a job as dead, because its row or its kept body is damaged. `applies`: whether the row is still the same. */
export async function endAsDamaged(
  deps: ReconcileDeps,
  row: JobRow,
  { error, applies }: { error: JobRow['error']; applies: (now: JobRow) => boolean },
): Promise<void> {
  const { ledger, clock, metrics, log } = deps;
  const at = clock.now();
  if (!error) return;
  const { changed, item: ended } = await ledger.update(row.key, (now) =>
    applies(now) ? endDamaged(now, { at, error }) : undefined,
  );
  if (!changed) return;
  countEnd(metrics, { queue: row.queue, succeeded: 0, dead: 1 });
  log.error('a job ended, because it is damaged', { queue: row.queue, jobId: row.id, code: error.code });
  await finish(deps, ended);
}
