import type { FailingWork } from '../jobs/items';
import { jobKey } from '../jobs/keys';
import { ROW_DAMAGED } from '../jobs/ledger';
import { ILLEGAL_TRANSITION } from '../jobs/transitions';
import type { Failed, ReconcileDeps } from './run';

/** Log lines per kind of work in one run. Further failures are only counted. */
const MOST_LINES = 20;

export function createFailures({ log, clock, ledger, metrics }: ReconcileDeps) {
  const noted = new Map<string, FailingWork>();
  const damaged = new Map<string, Set<string>>();

  /** Whether the job still waits for its next try. */
  async function isWaiting({ queue, jobId }: FailingWork): Promise<boolean> {
    if (queue === undefined || jobId === undefined) return false;
    const row = await ledger.get(jobKey(queue, jobId)).catch(() => undefined);
    return row?.failures !== undefined;
  }

  return {
    note(work: Pick<FailingWork, 'kind' | 'queue'>, failure: Failed): void {
      const now = { ...work, ...failure };
      // Only a person can restore such a row. A fact of its own reports it, so it is no failing work.
      if (now.code === ROW_DAMAGED && now.queue && now.jobId) {
        const rows = (damaged.get(now.queue) ?? new Set()).add(now.jobId);
        damaged.set(now.queue, rows);
        if (rows.size <= MOST_LINES) log.error('reconciling failed', now);
        return;
      }
      const before = noted.get(nameOf(now));
      const jobs = (before?.jobs ?? 0) + (now.jobId === undefined ? 0 : 1);
      const worst = before && (before.times ?? 0) > (now.times ?? 0) ? before : now;
      const at = clock.now();
      noted.set(nameOf(now), { ...worst, jobs, since: at, at });
      if (now.code === ILLEGAL_TRANSITION) metrics.add('IllegalTransitions', 1, 'Count', {});
      if (jobs <= MOST_LINES) log.error('reconciling failed', now);
    },

    /** How many rows this run met that do not parse, by queue. */
    damaged: (): [string, number][] => [...damaged].map(([queue, jobs]) => [queue, jobs.size]),

    /** All failures of this run, and earlier failures whose job still waits for its next try. */
    async now(before: readonly FailingWork[]): Promise<FailingWork[]> {
      const failing: FailingWork[] = [];
      for (const old of before) if (!noted.has(nameOf(old)) && (await isWaiting(old))) failing.push(old);
      for (const work of noted.values()) {
        const known = before.find((old) => nameOf(old) === nameOf(work));
        failing.push({ ...work, since: known?.since ?? work.since });
      }
      return failing;
    },
  };
}

const nameOf = ({ kind, queue = '' }: Pick<FailingWork, 'kind' | 'queue'>): string => `${queue} ${kind}`;
