import { finish } from '../jobs/finish';
import type { JobRow } from '../jobs/row';
import { cancel as cancelled, mayFollow } from '../jobs/transitions';
import { decide, type OperatorDeps, OperatorError, stateOf } from './operator';

/**
 * Ends a job that waits, in its queue or held, before it is done; what its steps have done stays done. Its message is
 * acknowledged when it comes.
 */
export async function cancel(deps: OperatorDeps, row: JobRow): Promise<JobRow> {
  const at = deps.clock.now();
  if (row.state === 'cancelled' && row.reason === 'operator') return finish(deps, row);
  if (row.state === 'processing' && (row.lease?.until ?? 0) > at)
    throw new OperatorError(`${row.id} is being processed: wait for the outcome, a minute at most, then look again.`);
  if (!mayFollow(row, 'cancel'))
    throw new OperatorError(`${row.id} is ${stateOf(row)}: only a job that waits can be cancelled.`);
  return finish(deps, await decide(deps, row, cancelled(row, at)));
}
