import type { ReconcileDeps } from './deps';
import type { Failed } from './failures';
import type { Teller } from './tell';

/** One run of the reconciler: its dependencies, and what it collects. */
export interface ReconcileRun extends ReconcileDeps, Pick<Teller, 'tell' | 'keep'> {
  /** When the last run began that had time for all work, in ms since 1970. */
  lastRunAt: number;
  /** Notes a job whose work has failed. */
  failed: (failure: Failed) => void;
  /** Repeats this kind of work a little later in the same run. */
  again: (work: (deps: ReconcileRun, mayGoOn: () => boolean) => Promise<void>) => void;
}

/** One kind of work on one queue. It stops when `mayGoOn` returns false, and the next run continues it. */
export type Work = (deps: ReconcileRun, queue: string, mayGoOn: () => boolean) => Promise<void>;
