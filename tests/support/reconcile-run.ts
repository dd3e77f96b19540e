import type { ReconcileDeps, ReconcileRun } from '../../lib/reconcile/deps';
import { createExits } from '../../lib/reconcile/exits';
import { createPace } from '../../lib/reconcile/pace';

/** What one kind of the reconciler's work gets, for a test that calls it alone. */
export const reconcileRun = (deps: ReconcileDeps): ReconcileRun => ({
  ...deps,
  exits: createExits(),
  pace: createPace(deps, { until: 0 }),
  failed: () => {},
  again: () => {},
  evenBackedOff: false,
});
