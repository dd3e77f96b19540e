import { finish } from '../jobs/finish';
import { noted } from '../jobs/history';
import type { JobRow } from '../jobs/row';
import { auditNote } from './audit-trail';
import { whyNot } from './may';
import { type ActingDeps, decide } from './operator';

/**
 * Marks the DLQ entry of a dead job as discarded. The reconciler deletes the entry on its next walk. The job stays dead
 * with its body, its record shows the discard, and it can still be retried.
 */
export async function discard(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  if (row.state === 'dead' && row.leftDlqAt !== undefined) return row;
  const refused = whyNot.discard(row);
  if (refused) throw refused;
  const at = deps.clock.now();
  // Without recordedAt, `finish` writes the record again.
  const { recordedAt, ...rest } = row;
  const marked: JobRow = { ...rest, leftDlqAt: at, discarded: true };
  const entry = { at, event: 'DLQ entry discarded (operator)', note: auditNote(deps) } as const;
  const discarded = await decide(deps, row, noted(marked, entry));
  // The worker or the reconciler still completes this end, with its DLQ entry.
  return recordedAt === undefined ? discarded : finish(deps, discarded);
}
