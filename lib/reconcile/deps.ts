import type { FinishDeps } from '../jobs/finish';
import type { LedgerDeps } from '../jobs/ledger';
import type { CircuitBreakers } from '../limits/circuit';
import type { BatchQueues, Log, Metrics, Queues } from '../ports';
import type { Monitor } from './monitor';

/** What the reconciler needs, and the queues that it looks after. */
export interface ReconcileDeps extends FinishDeps, Omit<LedgerDeps, 'clock' | 'settings'> {
  circuits: CircuitBreakers;
  queues: Queues & BatchQueues;
  log: Log;
  metrics: Metrics;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  /** Evaluates the alarms and reports what is wrong. Without it, the reconciler does neither. */
  monitor?: Monitor | undefined;
  /** The most rows or messages that one kind of work handles at a time. `SHARE` by default. */
  share?: number;
}
