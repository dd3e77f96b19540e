import type { FinishDeps } from '../jobs/finish';
import type { LedgerDeps } from '../jobs/ledger';
import type { CircuitBreakers } from '../limits/circuit';
import type { BatchQueues, Log, Metrics, Queues } from '../ports';
import type { Topic } from './tell';

/** What the reconciler needs, and the queues that it looks after. */
export interface ReconcileDeps extends FinishDeps, Omit<LedgerDeps, 'clock' | 'settings'> {
  circuits: CircuitBreakers;
  queues: Queues & BatchQueues;
  log: Log;
  metrics: Metrics;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  /** Without it, no fact is told. */
  topic?: Topic | undefined;
  /** The most rows or messages that one kind of work handles at a time. `SHARE` by default. */
  share?: number;
}
