import { codeOf } from '../../platform/errors';
import {
  endLease,
  type FailingWork,
  type ReconcilerRun,
  reconcilerRuns,
  type SearchPosition,
  takeLease,
} from '../jobs/items';
import { jobKey, reconcilerKey } from '../jobs/keys';
import { ROW_DAMAGED } from '../jobs/row-schema';
import { ILLEGAL_TRANSITION } from '../jobs/transitions';
import type { Failed, ReconcileDeps, ReconcileRun, Work } from './contract';
import { judgeDeadLetters } from './dead-letters';
import { dropBodies, dropFiles, foldEvidence, goOnWithLate, markExpiredEntries } from './ends';
import { createFactReporter, type FactReporter } from './facts';
import { afterGlance } from './glance';
import { checkPause, measureHeld, reportDead, watchCanary } from './measure';
import { releaseDue, releasePlanned, releaseTrials, tellThrottled } from './release';

/** The works on each queue, in this order. Their names also appear in the log of failures. */
const WORKS: Record<string, Work> = {
  // So an ended job gets its evidence in the same run.
  foldEvidence,
  // Before the canary, which is in the queue for a moment.
  goOnWithLate,
  watchCanary,
  releasePlanned,
  releaseDue,
  markExpiredEntries,
  dropBodies,
  dropFiles,
  judgeDeadLetters,
  measureHeld,
  reportDead,
  checkPause,
};

/** One work may take this part of the time that is left, so that every work gets some time in each run. */
const LARGEST_SHARE = 0.25;
const GUARD_MS = 2_000;
const MINUTE_MS = 60_000;

/** A run polls this often what its queues want to see often, and for the last time so long before its end. */
const POLL_EVERY_MS = 2_000;
const LAST_POLL_MS = 1_000;
/** From the last poll of a run to the first poll of the next run. */
const OVER_THE_END_MS = 4_000;
/** A run releases held jobs a few at a time, this often. */
const RELEASE_EVERY_MS = 1_000;

/** A run that begins shortly before the last one ends waits for it. Otherwise a minute would pass without a run. */
const BEGIN_WITHIN_MS = 5_000;
const BEGIN_EVERY_MS = 500;

/** Work that has failed for this time is reported. */
const FAILING_MS = 15 * 60_000;
/** Log lines per kind of work in one run. Further failures are only counted. */
const MOST_LINES = 20;

/** A work, on one queue or on the whole instance. It resolves to `true` if it must be repeated soon. */
interface Part {
  kind: string;
  queue?: string;
  work: (deps: ReconcileRun, mayGoOn: () => boolean) => Promise<unknown>;
}

/** A run under way. Times are milliseconds since 1970. */
interface Run {
  shared: Omit<ReconcileRun, 'repeats' | 'failed'> & FactReporter;
  failures: ReturnType<typeof createFailures>;
  begun: number;
  lastPoll: number;
  /** No work begins after it. */
  end: number;
  stayMs: number;
}

/**
 * Looks after every job that no worker runs: once a minute, one run at a time. Failed work is logged and left to the
 * next run; other work goes on. The run stays for `stayMs` while a queue's poll wants it, or while it releases held jobs
 * a few at a time. `canaryMs` is the time between two canaries of a queue; 0 means no canaries.
 */
export async function reconcile(
  reached: ReconcileDeps,
  { remainingMs, stayMs = 0, canaryMs = 0 }: { remainingMs: number; stayMs?: number; canaryMs?: number },
): Promise<void> {
  const { clock, metrics, log } = reached;
  const begun = clock.now();
  const end = begun + remainingMs - Math.min(GUARD_MS, remainingMs / 10);
  const lastPoll = Math.min(end - LAST_POLL_MS, begun + stayMs);
  const lease = await begin(reached, begun + remainingMs);
  if (!lease) {
    log.info('another run is under way');
    return;
  }
  const failures = createFailures(reached);
  const reporter = createFactReporter(reached);
  const shared = {
    ...reached,
    ...reporter,
    canaryMs,
    lastRunAt: lease.lastRunAt ?? 0,
    heldFor: new Map(),
    releasedSince: new Map(),
    filled: new Map(),
  };
  const run: Run = { shared, failures, begun, lastPoll, end, stayMs };

  const poll = pollsOf(run);
  const isWanted = await poll();
  await Promise.all([otherWork(run), isWanted && stay(run, poll)]);
  const failing = await failures.now(lease.failing ?? []);
  await attempt(run, { kind: 'reportFacts', work: () => reportFacts(run, failing) });
  metrics.add('ReconcilerRuns', 1, 'Count', {});
  await metrics.flush();
  const leave = (stored: ReconcilerRun) => ({ ...stored, failing, endedAt: clock.now(), lastRunAt: begun });
  await attempt(run, { kind: 'end', work: (deps) => endLease(deps, reconcilerRuns, lease, leave) });
}

async function reportFacts({ shared, failures }: Run, failing: readonly FailingWork[]): Promise<void> {
  const { clock, metrics, report, close } = shared;
  if (failing.some(({ since }) => clock.now() - since >= FAILING_MS))
    await report({ kind: 'reconciler-failing', subject: '' });
  for (const [subject, ids] of failures.damaged) {
    const [jobId] = ids;
    metrics.add('RowsDamaged', ids.size, 'Count', {});
    await report({ kind: 'row-damaged', subject, jobId, count: ids.size });
  }
  metrics.add('AlarmsNotSent', await close(), 'Count', {});
}

async function otherWork(run: Run): Promise<void> {
  const { clock } = run.shared;
  let { shared } = run;
  const glance = async () => {
    shared = await afterGlance(run.shared);
  };
  await attempt(run, { kind: 'glance', work: glance });
  let again = await attemptAll({ ...run, shared }, partsOf(run.shared, run.begun));
  while (again.length > 0 && clock.now() + RELEASE_EVERY_MS < run.lastPoll) {
    await clock.sleep(RELEASE_EVERY_MS);
    again = await attemptAll(run, again, { repeats: true });
  }
}

/** Returns the parts that must be repeated soon. */
async function attemptAll(run: Run, parts: readonly Part[], options?: { repeats: boolean }): Promise<Part[]> {
  const again: Part[] = [];
  for (const part of parts)
    if (run.shared.clock.now() < run.end && (await attempt(run, part, options))) again.push(part);
  return again;
}

async function attempt(
  { shared, failures, end }: Run,
  { work, ...part }: Part,
  { repeats = false } = {},
): Promise<boolean> {
  const { clock } = shared;
  const until = clock.now() + (end - clock.now()) * LARGEST_SHARE;
  const deps: ReconcileRun = { ...shared, repeats, failed: (failure) => failures.add(part, failure) };
  try {
    return (await work(deps, () => clock.now() < until)) === true;
  } catch (error) {
    failures.add(part, { error });
    return false;
  }
}

async function stay({ shared, lastPoll }: Run, poll: () => Promise<boolean>): Promise<void> {
  const { clock } = shared;
  for (let wanted = true; wanted && clock.now() < lastPoll; wanted = await poll())
    await clock.sleep(Math.min(POLL_EVERY_MS, lastPoll - clock.now()));
}

/** Polls for all queues. Resolves to whether one wants the next poll. A poll that fails says nothing about it. */
function pollsOf(run: Run): () => Promise<boolean> {
  const { shared, lastPoll, end, stayMs } = run;
  const { clock } = shared;
  const ofQueues = worksOf(shared);
  const positions = new Map<string, SearchPosition>();
  return async () => {
    let isWanted = false;
    for (const { often = {} } of ofQueues) {
      let last = false;
      for (const [kind, poll] of Object.entries(often)) {
        if (clock.now() >= end) break;
        const position = positions.get(kind) ?? {};
        positions.set(kind, position);
        last = true;
        const work = async (deps: ReconcileRun, mayGoOn: () => boolean) => {
          const nextMs = stayMs > 0 && clock.now() >= lastPoll ? OVER_THE_END_MS : POLL_EVERY_MS;
          last = (await poll(deps, { mayGoOn, nextMs, position })) === true;
        };
        await attempt(run, { kind, work });
      }
      isWanted ||= last;
    }
    return isWanted;
  };
}

/** The parts of a run. The trial call comes before other releases, because a queued message would delay it. */
function partsOf(reached: ReconcileDeps, begun: number): Part[] {
  const { queueNames } = reached;
  // If all calls are slow, a run may end before its last parts. The next run begins with another queue.
  const first = Math.floor(begun / MINUTE_MS) % Math.max(1, queueNames.length);
  const ofQueues = [...queueNames.slice(first), ...queueNames.slice(0, first)].flatMap((queue) =>
    Object.entries(WORKS).map(
      ([kind, work]): Part => ({ kind, queue, work: (deps, mayGoOn) => work(deps, queue, mayGoOn) }),
    ),
  );
  const own = worksOf(reached).flatMap(({ once = {} }) => Object.entries(once));
  return [
    { kind: 'releaseTrials', work: releaseTrials },
    // Before the release of jobs that may be held again a second later.
    { kind: 'tellThrottled', work: tellThrottled },
    ...ofQueues,
    ...own.map(([kind, work]): Part => ({ kind, work })),
  ];
}

const worksOf = ({ queueNames, works }: ReconcileDeps) => queueNames.flatMap((queue) => works[queue] ?? []);

async function begin(deps: ReconcileDeps, until: number): Promise<ReconcilerRun | undefined> {
  for (const last = deps.clock.now() + BEGIN_WITHIN_MS; ; await deps.clock.sleep(BEGIN_EVERY_MS)) {
    const lease = await takeLease(deps, reconcilerRuns, reconcilerKey, until);
    if (lease || deps.clock.now() >= last) return lease;
  }
}

function createFailures({ log, clock, ledger, metrics }: ReconcileDeps) {
  const found = new Map<string, FailingWork>();
  /** The ids of rows that do not parse, by queue. */
  const damaged = new Map<string, Set<string>>();

  /** Whether the job still waits for its next try. */
  async function isWaiting({ queue, jobId }: FailingWork): Promise<boolean> {
    if (queue === undefined || jobId === undefined) return false;
    const row = await ledger.get(jobKey(queue, jobId)).catch(() => undefined);
    return row?.failures !== undefined;
  }

  return {
    damaged,

    add(work: Pick<FailingWork, 'kind' | 'queue'>, { error, ...failure }: Failed): void {
      const now = { ...work, ...failure, code: codeOf(error) };
      // Only a person can restore such a row. A fact of its own reports it, so it is no failing work.
      if (now.code === ROW_DAMAGED && now.queue && now.jobId) {
        const rows = (damaged.get(now.queue) ?? new Set()).add(now.jobId);
        damaged.set(now.queue, rows);
        if (rows.size <= MOST_LINES) log.error('reconciling failed', now);
        return;
      }
      const before = found.get(nameOf(now));
      const jobs = (before?.jobs ?? 0) + (now.jobId === undefined ? 0 : 1);
      const worst = before && (before.times ?? 0) > (now.times ?? 0) ? before : now;
      const at = clock.now();
      found.set(nameOf(now), { ...worst, jobs, since: at, at });
      if (now.code === ILLEGAL_TRANSITION) metrics.add('IllegalTransitions', 1, 'Count', {});
      if (jobs <= MOST_LINES) log.error('reconciling failed', now, error);
    },

    /** All failures of this run, and earlier failures whose job still waits for its next try. */
    async now(before: readonly FailingWork[]): Promise<FailingWork[]> {
      const since = new Map(before.map((old) => [nameOf(old), old.since]));
      const failing: FailingWork[] = [];
      for (const old of before) if (!found.has(nameOf(old)) && (await isWaiting(old))) failing.push(old);
      for (const [name, work] of found) failing.push({ ...work, since: since.get(name) ?? work.since });
      return failing;
    },
  };
}

const nameOf = ({ kind, queue = '' }: Pick<FailingWork, 'kind' | 'queue'>): string => `${queue} ${kind}`;
