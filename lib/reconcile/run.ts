import type { ReconcileDeps } from './deps';
import type { Exits } from './exits';
import type { Failed } from './failures';
import type { Pace } from './pace';

/** One run of the reconciler: what it reaches, and what it notes. */
export interface ReconcileRun extends ReconcileDeps {
  /** What left a DLQ. */
  exits: Exits;
  /** How many held jobs may go back to their queues. */
  pace: Pace;
  /** Notes a job whose work has failed. */
  failed: (failure: Failed) => void;
  /** Does some more work of the kind soon, while the run stays. */
  again: (work: (deps: ReconcileRun, mayGoOn: () => boolean) => Promise<void>) => void;
  /** Also tries what has failed and waits for its next try. */
  evenBackedOff: boolean;
}

/** One kind of work on one queue; it stops by itself when `mayGoOn` says so, and goes on where it was next time. */
export type Work = (deps: ReconcileRun, queue: string, mayGoOn: () => boolean) => Promise<void>;
