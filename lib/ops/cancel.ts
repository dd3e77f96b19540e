import { mayFollow } from '../jobs/arrows';
import { finish } from '../jobs/finish';
import type { JobRow } from '../jobs/row';
import { cancel as cancelled } from '../jobs/transitions';
import { auditNote } from './audit-trail';
import { type ActingDeps, decide, OperatorError, stateOf } from './operator';

/**
 * Cancels a queued or held job. The effects of its finished steps remain. A worker acknowledges its message when SQS
 * delivers it.
 */
export async function cancel(deps: ActingDeps, row: JobRow): Promise<JobRow> {
  const at = deps.clock.now();
  if (row.state === 'cancelled' && row.reason === 'operator') return row;
  if (row.state === 'processing' && (row.lease?.until ?? 0) > at)
    throw new OperatorError(`${row.id} is being processed. Wait a few minutes for the outcome, then try again.`);
  if (!mayFollow(row, 'cancel'))
    throw new OperatorError(`${row.id} is ${stateOf(row)}: only a queued or held job can be cancelled.`);
  return finish(deps, await decide(deps, row, cancelled(row, at, auditNote(deps))));
}
