import type { FinishDeps } from '../jobs/finish';
import type { LedgerDeps } from '../jobs/ledger';
import type { CircuitBreakers } from '../limits/circuit';
import type { Due, Log, Metrics } from '../ports';
import { throughAll } from './each-of';
import type { Exits } from './exits';

/** What the reconciler reaches, and which queues it looks after. */
export interface ReconcileDeps extends FinishDeps, Omit<LedgerDeps, 'clock' | 'settings'> {
  circuits: CircuitBreakers;
  log: Log;
  metrics: Metrics;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  /** The most that one kind of work takes on at a time; `SHARE` where nothing is said. */
  share?: number;
}

/** One run of the reconciler: what it reaches, and where it notes what left a DLQ. */
export interface ReconcileRun extends ReconcileDeps {
  exits: Exits;
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

/** Does something for each row that is due for it, oldest first. What the index says is read again before it is acted on. */
export async function eachDue(
  { table, clock, ledger, share = SHARE }: ReconcileDeps,
  { todo, mayGoOn, until = clock.now() }: { todo: string; mayGoOn: () => boolean; until?: number },
  act: (row: NonNullable<Awaited<ReturnType<ReconcileDeps['ledger']['get']>>>) => Promise<void>,
): Promise<void> {
  await throughAll(await table.due(todo, { until, limit: share }), async ({ key }) => {
    if (!mayGoOn()) return;
    const row = await ledger.get(key);
    if (row?.todo === todo && (row.todoAt ?? 0) <= until) await act(row);
  });
}
