import { finish } from '../jobs/finish';
import type { JobRow } from '../jobs/row';
import { decide, noted, type OperatorDeps, OperatorError, stateOf } from './operator';

/**
 * A person says that a dead job's entry may leave the DLQ: the reconciler's next walk deletes it. The job stays dead,
 * its body kept, its record says what was done; it can still be retried.
 */
export async function discard(deps: OperatorDeps, row: JobRow): Promise<JobRow> {
  if (row.state !== 'dead') throw new OperatorError(`${row.id} is ${stateOf(row)}: only a dead job has a DLQ entry.`);
  if (row.reason === 'expired') throw new OperatorError(`${row.id} is dead (expired): it has no DLQ entry.`);
  if (row.leftDlqAt !== undefined) return row;
  const at = deps.clock.now();
  // Without its mark the record is written again.
  const { recordedAt: _recordedAt, ...rest } = row;
  return finish(deps, await decide(deps, row, noted({ ...rest, leftDlqAt: at }, at, 'DLQ entry discarded (operator)')));
}
