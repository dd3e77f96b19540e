import type { SendingLimits } from '../config/functions';
import type { GuardLimits } from '../emails/campaigns/campaign';
import type { SuppressionList } from '../emails/suppression';
import type { Vendor } from '../errors';
import type { FailingWork } from '../jobs/items';
import type { LedgerDeps } from '../jobs/ledger';
import type { Log, Metrics } from '../ports';
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
  /** Without it, no campaign pauses because of what SendGrid reports. */
  guard?: GuardLimits | undefined;
  /** Without it, the instance has no suppression list. */
  suppression?: SuppressionList | undefined;
  topic?: Topic | undefined;
  /** The most rows or messages that one kind of work handles at a time. `SHARE` by default. */
  share?: number;
  limits?: SendingLimits | undefined;
}

/** A job whose work failed, or a work that failed as a whole. */
export type Failed = Pick<FailingWork, 'queue' | 'jobId' | 'code' | 'times'>;

/** One run of the reconciler: its dependencies, and what it collects. */
export interface ReconcileRun extends ReconcileDeps, Pick<FactReporter, 'report' | 'keep'> {
  /** When the last run began, in ms since 1970. */
  lastRunAt: number;
  failed: (failure: Failed) => void;
  /** For which vendors jobs of each queue are held, as `releaseDue` found in this run. */
  heldFor: Map<string, readonly Vendor[]>;
  /** The messages that each queue had after this run's last release of planned jobs, and when. */
  filled: Map<string, { messages: number; at: number }>;
  /** Whether the work was done in this run already. */
  repeats: boolean;
  /** The time between two canaries of a queue; 0 means none. */
  canaryMs: number;
}

/** One kind of work on one queue, until `mayGoOn` returns false. `true`: repeat it a little later in the same run. */
export type Work = (deps: ReconcileRun, queue: string, mayGoOn: () => boolean) => Promise<unknown>;
