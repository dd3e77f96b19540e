import { noted } from '../jobs/history';
import type { JobRow, Step } from '../jobs/row';
import { resolve } from '../jobs/transitions';
import { release } from '../reconcile/release';
import { auditNote } from './audit-trail';
import { whyNot } from './may';
import { type ActingDeps, decide, OperatorError } from './operator';

/**
 * Resolves an unknown step by an operator's decision. `done`: the step took effect. `skipped`: it did not, and the job
 * continues without it. After its last unknown step is resolved, the job is released.
 */
export async function resolveStep(
  deps: ActingDeps,
  { row, step: name, as }: { row: JobRow; step: string; as: 'done' | 'skipped' },
): Promise<JobRow> {
  const refused = whyNot.settle(row);
  if (refused) throw refused;
  const unknown = Object.entries(row.steps).flatMap(([step, { status }]) =>
    status === 'unknown' && !row.evidence?.[step] ? [step] : [],
  );
  const step = row.steps[name];
  if (!step || !unknown.includes(name))
    throw new OperatorError(`${row.id} has no unknown step ${name}. --step must be ${unknown.join(' or ')}.`);

  const at = deps.clock.now();
  const entry = { at, event: `${name} settled as ${as} (operator)`, note: auditNote(deps) } as const;
  const resolved = noted({ ...row, ...SAID[as](row, { name, step, at }) }, entry);
  if (unknown.length > 1) return decide(deps, row, resolved);
  // The job is due now, so if this release fails, the reconciler releases it.
  const releasable = await decide(deps, row, resolve(resolved, at));
  await release(deps, releasable);
  return (await deps.ledger.get(row.key)) ?? releasable;
}

/** `done` becomes evidence, like a vendor's event. The run makes the step's result from it. */
const SAID = {
  done: ({ evidence }: JobRow, { name, at }: { name: string; at: number }) => ({
    evidence: { ...evidence, [name]: { at, event: 'operator' } },
  }),
  skipped: ({ steps }: JobRow, { name, step, at }: { name: string; step: Step; at: number }) => ({
    steps: { ...steps, [name]: { ...step, status: 'skipped' as const, endedAt: at, reason: 'operator' } },
  }),
};
