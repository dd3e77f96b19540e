import type { Vendor } from '../../platform/errors';
import type { Log, Metrics } from '../../platform/ports';
import type { FailingWork, SearchPosition } from '../jobs/items';
import type { LedgerDeps } from '../jobs/ledger';
import type { JobRow } from '../jobs/row';
import type { CircuitBreakers } from '../worker/circuit';
import type { FinishDeps } from '../worker/contract';
import type { FactReporter, Topic } from './facts';

/** What the reconciler needs, and the queues that it looks after. */
export interface ReconcileDeps extends FinishDeps, Omit<LedgerDeps, 'clock' | 'settings'> {
  circuits: CircuitBreakers;
  log: Log;
  metrics: Metrics;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  /** What each queue brings. A queue without an entry brings nothing. */
  works: Readonly<Record<string, QueueWorks>>;
  topic?: Topic | undefined;
  /** The most rows or messages that one kind of work handles at a time. `SHARE` by default. */
  share?: number;
}

/** What a queue brings for its jobs that no worker runs. The engine knows nothing else about it. */
export interface QueueWorks {
  /** The outside services that its jobs may wait for. */
  vendors: readonly Vendor[];
  /** The step whose effect a vendor's events prove. */
  provenStep?: string;
  /** The vendor for which a job may wait a limited time. Then the job ends without what it owes (`owed`). */
  owedVendor?: Vendor;
  /** Whether the parent of a held job has paused it. */
  isPaused?: ((run: ReconcileRun, row: JobRow) => Promise<boolean>) | undefined;
  /** Codes of holds that the instance's settings ask for, so how long they take is not measured. */
  orderedHolds?: readonly string[];
  /** Once a run, when it has looked after the jobs. Their names appear in the log of failures. */
  once?: Readonly<Record<string, (run: ReconcileRun, mayGoOn: () => boolean) => Promise<unknown>>>;
  /** Polled in this order, and again every few seconds as long as the last poll resolves to true. */
  often?: Readonly<Record<string, Poll>>;
}

/** `nextMs`: until the next poll. `position`: where the next one goes on if a poll had no time for all. */
export type Poll = (
  run: ReconcileRun,
  given: { mayGoOn: () => boolean; nextMs: number; position: SearchPosition },
) => Promise<unknown>;

/** The vendors that jobs of any queue may wait for. */
export const vendorsIn = ({ works }: Pick<ReconcileDeps, 'works'>): Vendor[] => [
  ...new Set(Object.values(works).flatMap(({ vendors }) => vendors)),
];

/** A job whose work failed, or a work that failed as a whole. */
export type Failed = Pick<FailingWork, 'queue' | 'jobId' | 'times'> & { error: unknown };

/** `messages`: in the queue after it. `at`: when it ended. `recent`: what workers had done in about ten seconds. */
export interface Filled {
  messages: number;
  at: number;
  recent: number;
}

/** One run of the reconciler: its dependencies, and what it collects. */
export interface ReconcileRun extends ReconcileDeps, Pick<FactReporter, 'report' | 'keep'> {
  /** When the last run began, in ms since 1970. */
  lastRunAt: number;
  failed: (failure: Failed) => void;
  /** For which vendors jobs of each queue are held, as `releaseDue` found in this run. */
  heldFor: Map<string, readonly Vendor[]>;
  /** Since when the oldest job of each queue was held that `releaseDue` has released in this run. */
  releasedSince: Map<string, number>;
  /** The last release of planned jobs to each queue in this run. */
  filled: Map<string, Filled>;
  /** Whether the work was done in this run already. */
  repeats: boolean;
  /** The time between two canaries of a queue; 0 means none. */
  canaryMs: number;
}

/** One kind of work on one queue, until `mayGoOn` returns false. `true`: repeat it a little later in the same run. */
export type Work = (deps: ReconcileRun, queue: string, mayGoOn: () => boolean) => Promise<unknown>;
