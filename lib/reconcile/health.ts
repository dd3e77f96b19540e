import type { HoursLease } from '../analytics/hours';
import { mapEach } from '../concurrency';
import { VENDORS } from '../errors';
import { groupBy } from '../group-by';
import { readItem, writeItem } from '../jobs/items';
import { ANALYTICS_QUEUE, canaryKey, hoursKey, jobKey, todoKey } from '../jobs/keys';
import { sendOpen } from '../jobs/messages';
import { type Canary, canaryEnvelope, canaryRow } from '../jobs/new-row';
import { isEnd } from '../jobs/row';
import { isOpen } from '../worker/circuit';
import type { ReconcileDeps, ReconcileRun, Work } from './run';

const ALL = Number.MAX_SAFE_INTEGER;

/**
 * Sends a canary through the queue every `canaryMs` and measures the last one. `Canary` is 1 if it succeeded before the
 * next one was due, else 0.
 */
export const watchCanary: Work = async (deps, queue) => {
  const { clock, random, canaryMs } = deps;
  if (canaryMs === 0) return;
  const last = (await readItem(deps, canaryKey(queue))) as Canary | undefined;
  const due = !last || clock.now() - last.at >= canaryMs;
  const measured = last && !last.measured ? await follow(deps, { queue, canary: last, due }) : last;
  if (!due) return;
  const next = { id: random.uuid(), at: clock.now(), measured: false };
  const begun = await write(deps, { ...next, key: canaryKey(queue), version: measured?.version ?? 0, writer: '' });
  if (begun) await sendCanary(deps, queue, begun);
};

/** Measures a canary that has ended, or that is overdue. Returns it if this run was the one that measured it. */
async function follow(
  deps: ReconcileRun,
  { queue, canary, due }: { queue: string; canary: Canary; due: boolean },
): Promise<Canary | undefined> {
  const row = await deps.ledger.known(jobKey(queue, canary.id));
  if (!due && !(row && isEnd(row.state))) {
    // The run that created it may have died before it sent the message.
    if (row?.sentAt === undefined) await sendCanary(deps, queue, canary);
    return undefined;
  }
  // Write first, so that only one of two concurrent runs measures. If this run dies here, the canary is not measured.
  const measured = await write(deps, { ...canary, measured: true });
  if (!measured) return undefined;
  const ms = row?.state === 'succeeded' ? (row.endedAt ?? 0) - (row.sentAt ?? row.createdAt) : undefined;
  const inTime = ms !== undefined && ms < deps.canaryMs;
  deps.metrics.add('Canary', inTime ? 1 : 0, 'Count', { queue });
  if (!inTime) deps.log.warn('a canary was not done in time', { queue, jobId: canary.id, state: row?.state, ms });
  return measured;
}

/** Writes the row of a canary, then sends its message. Both can be repeated, because the id stays. */
export async function sendCanary(deps: ReconcileDeps, queue: string, canary: Pick<Canary, 'id' | 'at'>): Promise<void> {
  const written = await deps.ledger.write(canaryRow(queue, canary, deps.random), 0);
  const row = written.written ? written.item : written.stored;
  if (row?.state === 'queued') await sendOpen(deps, row, JSON.stringify(canaryEnvelope(canary)));
}

/** Returns `undefined` if another run has written since. */
async function write(deps: ReconcileDeps, item: Canary): Promise<Canary | undefined> {
  const result = await writeItem({ ...deps, item, expected: item.version });
  return result.written ? result.item : undefined;
}

/** Rows to read in search of the oldest job. Chunks of a paused campaign do not count, and may come first. */
const OLDEST_ROWS = 10;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, over all its holds; 0 if no job is held. A planned
 * job counts from its time on. It leaves out jobs that an open circuit holds: the fact `circuit-open` reports those.
 */
export const measureHeld: Work = async (deps, queue) => {
  const { table, ledger, circuits, clock, metrics } = deps;
  const now = clock.now();
  const open = await mapEach(VENDORS, VENDORS.length, async (vendor) => isOpen(await circuits.read(vendor)));
  const closed = VENDORS.filter((_vendor, index) => !open[index]);
  const held = [todoKey(queue, 'held'), ...closed.map((vendor) => todoKey(queue, 'held', vendor))];
  let oldest = now;
  // In this order, a job whose step an operator resolves meanwhile is in one of the lists.
  for (const todo of [todoKey(queue, 'unknown'), ...held, todoKey(queue, 'planned')]) {
    const until = todo === todoKey(queue, 'planned') ? now : ALL;
    for (const { key } of await table.due(todo, { until, limit: OLDEST_ROWS })) {
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

/** Reports each hour that is too large to be written as Parquet, such as `2026-01-02T03`. An operator must write it. */
export const reportLargeHours: Work = async (deps, queue) => {
  if (queue !== ANALYTICS_QUEUE) return;
  const { tooLarge = [] } = ((await readItem(deps, hoursKey)) ?? {}) as Partial<HoursLease>;
  for (const { hour } of tooLarge)
    await deps.report({ kind: 'hour-too-large', subject: '', code: new Date(hour).toISOString().slice(0, 13) });
};
