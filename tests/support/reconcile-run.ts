import type { ReconcileDeps, ReconcileRun } from '../../lib/reconcile/run';
import { createTeller } from '../../lib/reconcile/tell';

/** The arguments of one kind of reconciler work, for a test that calls it directly. */
export const reconcileRun = (deps: ReconcileDeps): ReconcileRun => ({
  ...deps,
  ...createTeller(deps),
  lastRunAt: 0,
  failed: () => {},
  repeats: false,
});
