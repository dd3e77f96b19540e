import { mapEach } from '../concurrency';
import { VENDORS } from '../errors';
import { todoKey } from '../jobs/keys';
import { isOpen } from '../limits/circuit';
import type { ReconcileDeps, ReconcileRun } from './run';

/** Rows to read in search of the oldest job. Chunks of a paused campaign do not count, and may come first. */
const LOOK_AT = 10;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, over all its holds; 0 if no job is held. A planned
 * job counts from its time on. It leaves out jobs that an open circuit holds: the fact `circuit-open` tells those.
 */
export async function gaugeHeld(deps: ReconcileRun, queue: string): Promise<void> {
  const { table, ledger, clock, metrics } = deps;
  const now = clock.now();
  let oldest = now;
  // In this order, a job whose step an operator resolves meanwhile is in one of the lists.
  for (const todo of [todoKey(queue, 'unknown'), ...(await heldUnder(deps, queue)), todoKey(queue, 'planned')]) {
    const until = todo === todoKey(queue, 'planned') ? now : Number.MAX_SAFE_INTEGER;
    for (const { key } of await table.due(todo, { until, limit: LOOK_AT })) {
      const row = await ledger.known(key);
      if (row?.state !== 'held' || row.reason === 'paused') continue;
      // A planned job that has never been held has only the time that its producer chose.
      oldest = Math.min(oldest, row.heldSince ?? row.dueSince ?? row.updatedAt);
    }
  }
  metrics.add('OldestHeld', now - oldest, 'Milliseconds', { queue });
}

/** The keys of held jobs, except those that wait for a vendor whose circuit is open. */
async function heldUnder({ circuits }: ReconcileDeps, queue: string): Promise<string[]> {
  const open = await mapEach(VENDORS, VENDORS.length, async (vendor) => isOpen(await circuits.read(vendor)));
  const closed = VENDORS.filter((_vendor, index) => !open[index]);
  return [todoKey(queue, 'held'), ...closed.map((vendor) => todoKey(queue, 'held', vendor))];
}
