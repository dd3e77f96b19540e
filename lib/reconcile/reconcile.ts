import { tooLargeHours } from '../analytics/hours-lease';
import { dropLists } from '../emails/campaigns/drop-lists';
import { type Place, releaseCampaigns } from '../emails/campaigns/release';
import { codeOf } from '../errors';
import { endLease, type FailingWork, type ReconcilerRun, takeLease } from '../jobs/items';
import { ANALYTICS_QUEUE, reconcilerKey } from '../jobs/keys';
import { watchCanary } from './canary';
import { judgeDeadLetters } from './dead-letters';
import {
  completeEnds,
  dropBodies,
  dropFiles,
  endExpired,
  noteGoneEntries,
  publishUnsent,
  sendUnclaimed,
  sendUnsent,
} from './ends';
import { createFactReporter } from './facts';
import { createFailures } from './failures';
import { foldEvidence } from './fold-evidence';
import { gaugeHeld, reportDead } from './gauges';
import { releaseDue, releasePlanned, releaseTrials } from './release';
import type { ReconcileDeps, ReconcileRun, Work } from './run';

/** The works on each queue, in this order. Their names also appear in the log of failures. */
const WORKS: Record<string, Work> = {
  foldEvidence,
  releasePlanned,
  releaseDue,
  completeEnds,
  sendUnsent,
  sendUnclaimed,
  endExpired,
  noteGoneEntries,
  publishUnsent,
  dropBodies,
  dropFiles,
  judgeDeadLetters,
  gaugeHeld,
  reportDead,
};

/** One work may take this part of the time that is left, so that every work gets some time in each run. */
const LARGEST_SHARE = 0.25;
const GUARD_MS = 2_000;
const MINUTE_MS = 60_000;

/** The time between two looks at running campaigns. */
const LOOK_EVERY_MS = 2_000;
/** The time between a run's last look and the first look of the next run. */
const OVER_THE_END_MS = 4_000;
/** The time that a run reserves for its last look. */
const LAST_LOOK_MS = 1_000;

/** The time between two looks at a queue that gets its held jobs a few at a time. */
const RELEASE_EVERY_MS = 1_000;

/** A run that begins shortly before the last one ends waits for it. Otherwise a minute would pass without a run. */
const BEGIN_WITHIN_MS = 5_000;
const BEGIN_EVERY_MS = 500;

/** Work that has failed for this time is reported. */
const FAILING_MS = 15 * 60_000;

/** A work, on one queue or on the whole instance. It resolves to `true` if it must be repeated soon. */
interface Part {
  kind: string;
  queue?: string;
  work: (deps: ReconcileRun, mayGoOn: () => boolean) => Promise<unknown>;
}

/**
 * Looks after every job that no worker runs: once a minute, one run at a time. Failed work is logged and left to the
 * next run; other work goes on. The run stays for `stayMs` while a campaign runs, or while it releases held jobs a few
 * at a time. `canaryMs` is the time between two canaries of a queue; 0 means no canaries.
 */
export async function reconcile(
  reached: ReconcileDeps,
  { remainingMs, stayMs = 0, canaryMs = 0 }: { remainingMs: number; stayMs?: number; canaryMs?: number },
): Promise<void> {
  const { clock, metrics, log, queueNames } = reached;
  const begun = clock.now();
  const end = begun + remainingMs - Math.min(GUARD_MS, remainingMs / 10);
  const lastLook = Math.min(end - LAST_LOOK_MS, begun + stayMs);
  const place: Place = {};
  const lease = await begin(reached, begun + remainingMs);
  if (!lease) {
    log.info('another run is under way');
    return;
  }
  const failures = createFailures(reached);
  const reporter = createFactReporter(reached);
  const shared = { ...reached, ...reporter, lastRunAt: lease.lastRunAt ?? 0 };

  const campaignsRun = await campaigns();
  await Promise.all([otherWork(), campaignsRun && stay()]);
  const failing = await failures.now(lease.failing ?? []);
  if (queueNames.includes(ANALYTICS_QUEUE)) await attempt({ kind: 'reportLargeHours', work: reportLargeHours });
  await attempt({ kind: 'reportFacts', work: () => reportFacts(failing) });
  metrics.add('ReconcilerRuns', 1, 'Count', {});
  await metrics.flush();
  const leave = (run: ReconcilerRun) => ({ ...run, failing, endedAt: clock.now(), lastRunAt: begun });
  await attempt({ kind: 'end', work: (deps) => endLease(deps, lease, leave) });

  async function reportLargeHours(): Promise<void> {
    for (const hour of await tooLargeHours(reached))
      await reporter.report({ kind: 'hour-too-large', subject: '', code: hour });
  }

  async function reportFacts(failing: FailingWork[]): Promise<void> {
    if (failing.some(({ since }) => clock.now() - since >= FAILING_MS))
      await reporter.report({ kind: 'reconciler-failing', subject: '' });
    for (const [queue, count] of failures.damaged()) {
      metrics.add('RowsDamaged', count, 'Count', {});
      await reporter.report({ kind: 'row-damaged', subject: queue, count });
    }
    metrics.add('AlarmsNotSent', await reporter.close(), 'Count', {});
  }

  async function otherWork(): Promise<void> {
    let again = await attemptAll(parts());
    while (again.length > 0 && clock.now() + RELEASE_EVERY_MS < lastLook) {
      await clock.sleep(RELEASE_EVERY_MS);
      again = await attemptAll(again, { repeats: true });
    }
  }

  /** The trial call comes before other releases, because a queued message would delay it. */
  function parts(): Part[] {
    const works: Record<string, Work> =
      canaryMs > 0
        ? { watchCanary: (deps, queue) => watchCanary(deps, { queue, everyMs: canaryMs }), ...WORKS }
        : WORKS;
    // If all calls are slow, a run may end before its last parts. The next run begins with another queue.
    const turn = Math.floor(begun / MINUTE_MS) % Math.max(1, queueNames.length);
    const ofQueues = [...queueNames.slice(turn), ...queueNames.slice(0, turn)].flatMap((queue) =>
      Object.entries(works).map(
        ([kind, work]): Part => ({ kind, queue, work: (deps, mayGoOn) => work(deps, queue, mayGoOn) }),
      ),
    );
    return [{ kind: 'releaseTrials', work: releaseTrials }, ...ofQueues, { kind: 'dropLists', work: dropLists }];
  }

  /** Returns the parts that must be repeated soon. */
  async function attemptAll(parts: readonly Part[], options?: { repeats: boolean }): Promise<Part[]> {
    const again: Part[] = [];
    for (const part of parts) if (clock.now() < end && (await attempt(part, options))) again.push(part);
    return again;
  }

  async function stay(): Promise<void> {
    for (let run = true; run && clock.now() < lastLook; run = await campaigns())
      await clock.sleep(Math.min(LOOK_EVERY_MS, lastLook - clock.now()));
  }

  async function campaigns(): Promise<boolean> {
    // If a look fails, look again: the failure says nothing about the next look.
    let run = true;
    const work = async (deps: ReconcileRun, mayGoOn: () => boolean) => {
      const nextLookMs = stayMs > 0 && clock.now() >= lastLook ? OVER_THE_END_MS : LOOK_EVERY_MS;
      run = await releaseCampaigns(deps, { mayGoOn, nextLookMs, place });
    };
    if (clock.now() < end) await attempt({ kind: 'releaseCampaigns', work });
    return run;
  }

  async function attempt({ work, ...part }: Part, { repeats = false } = {}): Promise<boolean> {
    const until = clock.now() + (end - clock.now()) * LARGEST_SHARE;
    const deps: ReconcileRun = { ...shared, repeats, failed: (failure) => failures.note(part, failure) };
    try {
      return (await work(deps, () => clock.now() < until)) === true;
    } catch (error) {
      failures.note(part, { code: codeOf(error) });
      return false;
    }
  }
}

async function begin(deps: ReconcileDeps, until: number): Promise<ReconcilerRun | undefined> {
  for (const last = deps.clock.now() + BEGIN_WITHIN_MS; ; await deps.clock.sleep(BEGIN_EVERY_MS)) {
    const lease = await takeLease<ReconcilerRun>(deps, reconcilerKey, until);
    if (lease || deps.clock.now() >= last) return lease;
  }
}
