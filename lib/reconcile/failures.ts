import { backoffOf } from '../jobs/backoff';
import { jobKey } from '../jobs/keys';
import type { FailingWork } from '../jobs/reconciler-run';
import type { ReconcileDeps } from './deps';

/** A job whose work failed, or work that failed as a whole. */
export interface Failed {
  queue?: string;
  jobId?: string;
  code: string;
  /** How often in a row. */
  times?: number;
}

/** What fails in one run. */
export interface Failures {
  note(work: Pick<FailingWork, 'kind' | 'queue'>, failure: Failed): void;
  /** What fails now: all that was noted, and of what failed before the jobs that wait for their next try. */
  now(before: readonly FailingWork[]): Promise<FailingWork[]>;
}

/** Of one kind of work and run; the others are counted. */
const MOST_LINES = 20;

export function createFailures({ log, clock, ledger }: Pick<ReconcileDeps, 'log' | 'clock' | 'ledger'>): Failures {
  const noted = new Map<string, FailingWork>();

  async function isWaiting({ queue, jobId }: FailingWork): Promise<boolean> {
    if (queue === undefined || jobId === undefined) return false;
    const row = await ledger.get(jobKey(queue, jobId)).catch(() => undefined);
    return row !== undefined && backoffOf(row) !== undefined;
  }

  return {
    note(work, failure) {
      const now = { ...work, ...failure };
      const before = noted.get(nameOf(now));
      const jobs = (before?.jobs ?? 0) + (now.jobId === undefined ? 0 : 1);
      const worst = before && (before.times ?? 0) > (now.times ?? 0) ? before : now;
      const at = clock.now();
      noted.set(nameOf(now), { ...worst, jobs, since: at, at });
      if (jobs <= MOST_LINES) log.error('reconciling failed', now);
    },

    async now(before) {
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
