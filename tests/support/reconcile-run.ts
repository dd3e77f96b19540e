import type { ReconcileDeps } from '../../lib/reconcile/deps';
import { createExits } from '../../lib/reconcile/exits';
import { createPace } from '../../lib/reconcile/pace';
import type { ReconcileRun } from '../../lib/reconcile/run';

/** What one kind of the reconciler's work gets, for a test that calls it alone. */
export const reconcileRun = (deps: ReconcileDeps): ReconcileRun => ({
  ...deps,
  exits: createExits(),
  pace: createPace(deps, { until: 0 }),
  failed: () => {},
  again: () => {},
  evenBackedOff: false,
});
