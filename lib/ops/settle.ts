import type { JobRow } from '../jobs/row';
import { release } from '../reconcile/release';
import { decide, noted, type OperatorDeps, OperatorError, stateOf } from './operator';

/**
 * A person knows what nobody could tell: the step took effect (`done`), or it did not and the job shall go on without
 * it (`skipped`). With its last unknown step settled the job is released.
 */
export async function settle(
  deps: OperatorDeps,
  { row, step: name, as }: { row: JobRow; step: string; as: 'done' | 'skipped' },
): Promise<JobRow> {
  if (row.state !== 'held' || row.reason !== 'unknown')
    throw new OperatorError(`${row.id} is ${stateOf(row)}: only a step of a held (unknown) job can be settled.`);
  const unknown = Object.entries(row.steps).flatMap(([step, { status }]) => (status === 'unknown' ? [step] : []));
  const step = row.steps[name];
  if (step?.status !== 'unknown')
    throw new OperatorError(`${row.id} has no unknown step ${name}: --step is ${unknown.join(' or ')}.`);

  const at = deps.clock.now();
  const steps = { ...row.steps, [name]: { ...step, status: as, endedAt: at, reason: 'operator' } };
  const settled = noted({ ...row, steps }, at, `${name} settled as ${as} (operator)`);
  if (unknown.length > 1) return decide(deps, row, settled);
  // Due from now on: should this release not come about, the reconciler makes it.
  const due = await decide(deps, row, { ...settled, reason: 'retry', dueAt: at });
  await release(deps, due);
  return (await deps.ledger.get(row.key)) ?? due;
}
