import * as z from 'zod';
import { mapEach } from '../../platform/concurrency';
import { groupBy } from '../../platform/group-by';
import type { Envelope } from '../jobs/envelope';
import { DAMAGED, isFirstMinuteOfHour, readPause, renewable, type Stored, time, writeItem } from '../jobs/items';
import { canaryKey, jobKey, pauseKey, todoKey } from '../jobs/keys';
import { sendOpen } from '../jobs/messages';
import { CANARY_TYPE, newRow } from '../jobs/row';
import { isStopped } from '../worker/circuit';
import type { ReconcileDeps, ReconcileRun, Work } from './contract';

/** A queue's last canary, a job without any work. `at`: when it was made, ms since 1970. Only the reconciler writes it. */
const canaries = renewable({ id: z.string(), at: time }, { id: '', at: 0 });
type Canary = Stored<typeof canaries>;
type Made = Pick<Canary, 'id' | 'at'>;

/** The same envelope for the same canary. */
export const canaryEnvelope = ({ id, at }: Made): Envelope => ({
  specversion: '1.0',
  id,
  type: CANARY_TYPE,
  source: 'reconciler',
  time: new Date(at).toISOString(),
});

const ALL = Number.MAX_SAFE_INTEGER;

/** Sends a canary through the queue every `canaryMs`, and measures the last one when the next one is due. */
export const watchCanary: Work = async (deps, queue) => {
  const { clock, random, canaryMs } = deps;
  if (canaryMs === 0) return;
  const key = canaryKey(queue);
  const last = await canaries.read(deps, key);
  const at = clock.now();
  if (last && at - last.at < canaryMs) return;
  const next: Canary = { ...(last ?? { key, version: 0, writer: '' }), id: random.uuid(), at };
  // Of two concurrent runs only one writes, measures and sends. If it dies after the write, one canary counts as late.
  if (!(await writeItem(deps, next, next.version)).written) return;
  if (last?.id) await measureCanary(deps, queue, last);
  await sendCanary(deps, queue, next);
};

/** `Canary`: 1 if it succeeded in less than `canaryMs`, else 0. */
async function measureCanary({ ledger, metrics, log, canaryMs }: ReconcileRun, queue: string, { id }: Canary) {
  const row = await ledger.known(jobKey(queue, id));
  const ms = row?.state === 'succeeded' ? (row.endedAt ?? 0) - (row.sentAt ?? row.createdAt) : undefined;
  const inTime = ms !== undefined && ms < canaryMs;
  metrics.add('Canary', inTime ? 1 : 0, 'Count', { queue });
  if (!inTime) log.warn('a canary was not done in time', { queue, jobId: id, state: row?.state, ms });
}

/**
 * Writes the row of a canary, which the worker trusts, then sends its message. Both can be repeated, because the id
 * stays. In a group of its own the canary waits for no other job, and no job waits for it.
 */
export async function sendCanary(deps: ReconcileDeps, queue: string, { id, at }: Made): Promise<void> {
  const envelope = canaryEnvelope({ id, at });
  const made = newRow({ queue, envelope, group: id, now: at, random: deps.random });
  const written = await deps.ledger.write({ ...made, canary: true }, 0);
  const row = written.written ? written.item : written.stored;
  if (row?.state === 'queued') await sendOpen(deps, row, JSON.stringify(envelope));
}

/** Rows to read in search of the oldest job. Those whose hold the settings ask for do not count, and may come first. */
const OLDEST_ROWS = 10;

/**
 * `OldestHeld`: how long the queue's oldest held job has been held, over all its holds; 0 if no job is held. A job that
 * this run has released counts, because a vendor that asks for fewer calls soon holds it again. A planned job counts from
 * its time on, and a retry from the end of its wait on, because we chose that. It leaves out jobs of a stopped vendor,
 * which `circuit-open` or `vendor-limited` reports, and holds that the settings ask for.
 */
export const measureHeld: Work = async (deps, queue) => {
  const { table, ledger, circuits, clock, metrics } = deps;
  const now = clock.now();
  // A job that was held since then has not waited for long.
  const { vendors: all = [], orderedHolds = [] } = deps.works[queue] ?? {};
  const vendors = deps.heldFor.get(queue) ?? all;
  const open = await mapEach(vendors, all.length, async (vendor) => isStopped(await circuits.read(vendor), now));
  const closed = vendors.filter((_vendor, index) => !open[index]);
  const held = [todoKey(queue, 'held'), ...closed.map((vendor) => todoKey(queue, 'held', vendor))];
  let oldest = deps.releasedSince.get(queue) ?? now;
  // In this order, a job whose step an operator resolves meanwhile is in one of the lists.
  for (const todo of [todoKey(queue, 'unknown'), ...held, todoKey(queue, 'planned')]) {
    const until = todo === todoKey(queue, 'planned') ? now : ALL;
    for (const { key } of await table.due(todo, { until, limit: OLDEST_ROWS })) {
      const row = await ledger.known(key);
      if (row?.state !== 'held' || orderedHolds.includes(row.error?.code ?? '')) continue;
      // A planned job that has never been held has only the time that its producer chose.
      const since = row.heldSince ?? row.dueSince ?? row.updatedAt;
      oldest = Math.min(oldest, row.reason === 'retry' ? Math.max(since, row.retryAt ?? 0) : since);
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

/** Reports a damaged pause, once an hour: Lambda receives nothing of its queue until a person has restored the item. */
export const checkPause: Work = async (deps, queue) => {
  if (!isFirstMinuteOfHour(deps.clock)) return deps.keep({ kind: 'item-damaged', subject: queue });
  const pause = await readPause(deps, queue);
  if (pause?.by === DAMAGED) await deps.report({ kind: 'item-damaged', subject: queue, code: pauseKey(queue) });
};
