import type { ReconcileDeps } from '../../lib/reconcile/deps';
import { createExits } from '../../lib/reconcile/exits';
import { createNoted } from '../../lib/reconcile/noted';
import { createPace } from '../../lib/reconcile/pace';
import type { ReconcileRun } from '../../lib/reconcile/run';

/** The arguments of one kind of reconciler work, for a test that calls it directly. */
export const reconcileRun = (deps: ReconcileDeps): ReconcileRun => ({
  ...deps,
  exits: createExits(),
  noted: createNoted(),
  pace: createPace(deps, { until: 0 }),
  failed: () => {},
  again: () => {},
});
