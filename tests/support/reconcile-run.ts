import type { ReconcileDeps, ReconcileRun } from '../../lib/engine/reconcile/contract';
import { createFactReporter } from '../../lib/engine/reconcile/facts';

/** The arguments of one kind of reconciler work, for a test that calls it directly. */
export const reconcileRun = (deps: ReconcileDeps, canaryMs = 0): ReconcileRun => ({
  ...deps,
  ...createFactReporter(deps),
  lastRunAt: 0,
  failed: () => {},
  repeats: false,
  heldFor: new Map(),
  releasedSince: new Map(),
  filled: new Map(),
  canaryMs,
});
