import { finish } from '../jobs/finish';
import { EVENT, noted } from '../jobs/history';
import type { JobRow } from '../jobs/row';
import { auditNote } from './audit-trail';
import { type ActingDeps, decide, OperatorError, stateOf } from './operator';

/**
 * Marks the DLQ entry of a dead job as discarded. The reconciler deletes the entry on its next walk. The job stays dead
 * with its body, its record shows the discard, and it can still be retried.
 */
export async function discard(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  if (row.state !== 'dead') throw new OperatorError(`${row.id} is ${stateOf(row)}: only a dead job has a DLQ entry.`);
  if (row.reason === 'expired') throw new OperatorError(`${row.id} is dead (expired), so it has no DLQ entry.`);
  if (row.leftDlqAt !== undefined) return row;
  const at = deps.clock.now();
  // Without recordedAt, `finish` writes the record again.
  const { recordedAt, ...rest } = row;
  const entry = { at, event: EVENT.entryDiscarded, note: auditNote(deps) };
  const discarded = await decide(deps, row, noted({ ...rest, leftDlqAt: at }, entry));
  // The worker or the reconciler still completes this end, with its DLQ entry.
  return recordedAt === undefined ? discarded : finish(deps, discarded);
}
