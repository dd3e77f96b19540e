import type { JobRow, Step } from '../jobs/row';
import { resolve } from '../jobs/transitions';
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
  const unknown = Object.entries(row.steps).flatMap(([step, { status }]) =>
    status === 'unknown' && !row.evidence?.[step] ? [step] : [],
  );
  const step = row.steps[name];
  if (!step || !unknown.includes(name))
    throw new OperatorError(`${row.id} has no unknown step ${name}: --step is ${unknown.join(' or ')}.`);

  const at = deps.clock.now();
  const settled = noted({ ...row, ...SAID[as](row, { name, step, at }) }, at, `${name} settled as ${as} (operator)`);
  if (unknown.length > 1) return decide(deps, row, settled);
  // Due from now on: should this release not come about, the reconciler makes it.
  const due = await decide(deps, row, resolve(settled, at));
  await release(deps, due);
  return (await deps.ledger.get(row.key)) ?? due;
}

/** That it took effect is a sign like a vendor's own, from which the run makes what it would have been answered. */
const SAID = {
  done: ({ evidence }: JobRow, { name, at }: { name: string; at: number }) => ({
    evidence: { ...evidence, [name]: { at, event: 'operator' } },
  }),
  skipped: ({ steps }: JobRow, { name, step, at }: { name: string; step: Step; at: number }) => ({
    steps: { ...steps, [name]: { ...step, status: 'skipped' as const, endedAt: at, reason: 'operator' } },
  }),
};
