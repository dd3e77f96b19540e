import { mapEach } from '../concurrency';
import { VENDORS } from '../errors';
import { todoKey } from '../jobs/keys';
import { jobOfEntry } from '../jobs/planned';
import { isOpen } from '../limits/circuit';
import type { ReconcileDeps, ReconcileRun } from './run';

/** Rows to read in search of the oldest job. Chunks of a paused campaign do not count, and may come first. */
const LOOK_AT = 10;
/** Planned jobs to leave out. They stand among the held jobs, and could hide one that is held for long. */
const MOST_PLANNED = 1_000;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, over all its holds; 0 if no job is held. A planned
 * job counts from its time on. It leaves out jobs that an open circuit holds: the fact `circuit-open` tells those.
 */
export async function gaugeHeld(deps: ReconcileRun, queue: string): Promise<void> {
  const { table, ledger, clock, metrics } = deps;
  const now = clock.now();
  let oldest = now;
  const all = { until: Number.MAX_SAFE_INTEGER };
  const entries = await table.due(todoKey(queue, 'planned'), { ...all, limit: MOST_PLANNED });
  const planned = new Set(entries.filter(({ todoAt }) => todoAt > now).map(({ key }) => jobOfEntry(key)));
  // In this order, a job whose step an operator resolves meanwhile is in one of the lists.
  for (const todo of [todoKey(queue, 'unknown'), ...(await heldUnder(deps, queue))]) {
    const due = await table.due(todo, { ...all, limit: LOOK_AT + planned.size });
    for (const { key } of due.filter((entry) => !planned.has(entry.key)).slice(0, LOOK_AT)) {
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
