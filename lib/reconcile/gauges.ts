import { mapEach } from '../concurrency';
import { VENDORS } from '../errors';
import { groupBy } from '../group-by';
import { todoKey } from '../jobs/keys';
import { isOpen } from '../worker/circuit';
import type { Work } from './run';

const ALL = Number.MAX_SAFE_INTEGER;
/** Rows to read in search of the oldest job. Chunks of a paused campaign do not count, and may come first. */
const LOOK_AT = 10;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, over all its holds; 0 if no job is held. A planned
 * job counts from its time on. It leaves out jobs that an open circuit holds: the fact `circuit-open` reports those.
 */
export const gaugeHeld: Work = async (deps, queue) => {
  const { table, ledger, circuits, clock, metrics } = deps;
  const now = clock.now();
  const open = await mapEach(VENDORS, VENDORS.length, async (vendor) => isOpen(await circuits.read(vendor)));
  const closed = VENDORS.filter((_vendor, index) => !open[index]);
  const held = [todoKey(queue, 'held'), ...closed.map((vendor) => todoKey(queue, 'held', vendor))];
  let oldest = now;
  // In this order, a job whose step an operator resolves meanwhile is in one of the lists.
  for (const todo of [todoKey(queue, 'unknown'), ...held, todoKey(queue, 'planned')]) {
    const until = todo === todoKey(queue, 'planned') ? now : ALL;
    for (const { key } of await table.due(todo, { until, limit: LOOK_AT })) {
      const row = await ledger.known(key);
      if (row?.state !== 'held' || row.reason === 'paused') continue;
      // A planned job that has never been held has only the time that its producer chose.
      oldest = Math.min(oldest, row.heldSince ?? row.dueSince ?? row.updatedAt);
    }
  }
  metrics.add('OldestHeld', now - oldest, 'Milliseconds', { queue });
};

const MOST_JOBS = 200;
const AT_ONCE = 16;

/**
 * Reports that jobs are dead, one fact for each error code. If the alarm about the DLQ fires from the first entry on,
 * that alarm reports it, and its message takes the codes from these facts.
 */
export const reportDead: Work = async (deps, queue) => {
  const { table, ledger, topic } = deps;
  if (!topic) return;
  const due = await table.due(todoKey(queue, 'dead'), { until: ALL, limit: MOST_JOBS, newestFirst: true });
  const rows = await mapEach(due.toReversed(), AT_ONCE, ({ key }) => ledger.known(key));
  const dead = rows.flatMap((row) => (row?.state === 'dead' ? [row] : []));
  const quiet = topic.dlqDepth(queue) <= 1;
  for (const [code, jobs] of groupBy(dead, ({ error, reason }) => error?.code ?? reason ?? 'unknown'))
    await deps.report({ kind: 'jobs-dead', subject: queue, code, count: jobs.length, jobId: jobs[0]?.id }, { quiet });
  if (due.length === MOST_JOBS) await deps.keep({ kind: 'jobs-dead', subject: queue });
};
