import { heldSince, lastHeldReason } from '../jobs/history';
import { jobKey, todoKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import type { ReconcileDeps } from './deps';

/** Rows to read in search of the oldest job. Chunks of a paused campaign do not count, and may come first. */
const LOOK_AT = 10;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, over all its holds; 0 if no job is held. It leaves
 * out jobs that an open circuit holds, and the jobs behind them: `VendorStopped` reports those.
 */
export async function gaugeHeld(deps: ReconcileDeps, queue: string): Promise<void> {
  const { table, ledger, clock, metrics } = deps;
  const now = clock.now();
  let oldest = now;
  for (const kind of ['held', 'behind', 'unknown'] as const)
    for (const { key } of await table.due(todoKey(queue, kind), { until: Number.MAX_SAFE_INTEGER, limit: LOOK_AT })) {
      const row = await ledger.known(key);
      if (row?.state !== 'held' || row.reason === 'paused') continue;
      if (row.reason === 'behind' && (await isBehindStopped(deps, row))) continue;
      oldest = Math.min(oldest, heldSince(row) ?? row.updatedAt);
    }
  metrics.add('OldestHeld', now - oldest, 'Milliseconds', { queue });
}

/** Whether an open circuit last held the first job of the row's group. During a new try that job is not held. */
async function isBehindStopped(
  { order, ledger }: Pick<ReconcileDeps, 'order' | 'ledger'>,
  row: JobRow,
): Promise<boolean> {
  const [first] = await order.front(row);
  const head = first === undefined ? undefined : await ledger.known(jobKey(row.queue, first));
  return head !== undefined && lastHeldReason(head) === 'stopped';
}
