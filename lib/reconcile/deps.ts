import type { FinishDeps } from '../jobs/finish';
import type { LedgerDeps } from '../jobs/ledger';
import type { CircuitBreakers } from '../limits/circuit';
import type { BatchQueues, Due, Log, Metrics, Queues } from '../ports';
import type { Exits } from './exits';
import type { Failed } from './failures';
import type { Pace } from './pace';

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

/** None may starve the others. */
export const SHARE = 100;

/** Keys of what is due, oldest first, page after page: for work that may leave what is due as it is. */
export async function* everyDue(
  { table, clock, share = SHARE }: Pick<ReconcileDeps, 'table' | 'clock' | 'share'>,
  { todo, mayGoOn }: { todo: string; mayGoOn: () => boolean },
): AsyncGenerator<string[]> {
  const until = clock.now();
  for (let after: Due | undefined; mayGoOn(); ) {
    const page = await table.due(todo, { until, after, limit: share });
    yield page.map(({ key }) => key);
    if (page.length < share) return;
    after = page.at(-1);
  }
}
