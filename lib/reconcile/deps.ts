import type { FinishDeps } from '../jobs/finish';
import type { LedgerDeps } from '../jobs/ledger';
import type { CircuitBreakers } from '../limits/circuit';
import type { BatchQueues, Log, Metrics, Queues } from '../ports';

/** What the reconciler reaches, and which queues it looks after. */
export interface ReconcileDeps extends FinishDeps, Omit<LedgerDeps, 'clock' | 'settings'> {
  circuits: CircuitBreakers;
  queues: Queues & BatchQueues;
  log: Log;
  metrics: Metrics;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  /** The most that one kind of work takes on at a time; `SHARE` where nothing is said. */
  share?: number;
}
