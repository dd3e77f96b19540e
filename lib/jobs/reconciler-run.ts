import { reconcilerKey } from './keys';
import type { ItemDeps } from './ledger';
import { endLease, type RunLease, takeLease } from './run-lease';

/** One kind of the reconciler's work that fails on one queue, for operators. It holds only ids and codes. */
export interface FailingWork {
  kind: string;
  /** Absent for work on the instance as a whole. */
  queue?: string;
  code: string;
  /** The job that failed most often, and how often in a row. Absent if the work failed as a whole. */
  jobId?: string;
  times?: number;
  /** How many jobs failed in the last run that had a failure. */
  jobs: number;
  /** When it first and last failed, ms since 1970. */
  since: number;
  at: number;
}

/** The reconciler's lease, and what a run leaves for the next one (key `lease#reconciler`). */
export interface ReconcilerRun extends RunLease {
  failing?: FailingWork[];
  /** When the last run ended, ms since 1970. */
  endedAt?: number;
  /** When the last run began, ms since 1970. */
  lastRunAt?: number;
}

/** Takes the lease. Returns `undefined` while another run holds it. */
export const beginRun = (deps: ItemDeps, until: number): Promise<ReconcilerRun | undefined> =>
  takeLease<ReconcilerRun>(deps, reconcilerKey, until);

/** Gives the lease back, with what the next run must know. */
export const endRun = (
  deps: ItemDeps,
  run: ReconcilerRun,
  { failing, begunAt }: { failing: FailingWork[]; begunAt: number },
): Promise<void> =>
  endLease(deps, run, (lease) => ({ ...lease, failing, endedAt: deps.clock.now(), lastRunAt: begunAt }));
