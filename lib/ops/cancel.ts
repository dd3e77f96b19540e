import { isCancelledByOperator } from '../jobs/arrows';
import { finish } from '../jobs/finish';
import type { JobRow } from '../jobs/row';
import { cancel as cancelled } from '../jobs/transitions';
import { auditNote } from './audit-trail';
import { whyNot } from './may';
import { type ActingDeps, decide } from './operator';

/**
 * Cancels a queued or held job. The effects of its finished steps remain. A worker acknowledges its message when SQS
 * delivers it.
 */
export async function cancel(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  const at = deps.clock.now();
  if (isCancelledByOperator(row)) return row;
  const refused = whyNot.cancel(row, at);
  if (refused) throw refused;
  return finish(deps, await decide(deps, row, cancelled(row, at, auditNote(deps))));
}
