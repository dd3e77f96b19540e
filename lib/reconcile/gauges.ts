import { heldSince, lastHeldReason } from '../jobs/history';
import { jobKey, todoKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import type { ReconcileDeps } from './deps';

/** Rows that are looked at for the oldest of a kind: a paused campaign's chunks say nothing, and may be the first. */
const LOOK_AT = 10;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, all its holds together; 0 where none is. Jobs that a
 * stopped vendor holds, and those behind them, are told of by `VendorStopped`.
 */
export async function gaugeHeld(deps: ReconcileDeps, queue: string): Promise<void> {
  const { table, ledger, clock, metrics } = deps;
  const now = clock.now();
  let oldest = now;
  for (const kind of ['held', 'behind', 'unknown'] as const)
    for (const { key } of await table.due(todoKey(queue, kind), { until: Number.MAX_SAFE_INTEGER, limit: LOOK_AT })) {
      const row = await ledger.get(key);
      if (row?.state !== 'held' || row.reason === 'paused') continue;
      if (row.reason === 'behind' && (await isBehindStopped(deps, row))) continue;
      oldest = Math.min(oldest, heldSince(row) ?? row.updatedAt);
    }
  metrics.add('OldestHeld', now - oldest, 'Milliseconds', { queue });
}

/** Whether the first of a row's group was held by a stopped vendor last; being tried again, it is not held just now. */
async function isBehindStopped(
  { order, ledger }: Pick<ReconcileDeps, 'order' | 'ledger'>,
  row: JobRow,
): Promise<boolean> {
  const [first] = await order.front(row);
  const head = first === undefined ? undefined : await ledger.get(jobKey(row.queue, first));
  return head !== undefined && lastHeldReason(head) === 'stopped';
}
