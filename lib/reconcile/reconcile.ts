import { type Place, releaseCampaigns } from '../emails/campaigns/release';
import { codeOf } from '../errors';
import { beginRun, endRun, type FailingWork, type ReconcilerRun } from '../jobs/reconciler-run';
import type { JobRow } from '../jobs/row';
import { inBatches } from './batches';
import { watchCanary } from './canary';
import type { ReconcileDeps } from './deps';
import { createFailures } from './failures';
import { nameOf, type Part, partsFrom } from './parts';
import { release } from './release';
import type { ReconcileRun } from './run';
import { createTeller } from './tell';

/** The largest part of the run's time that one kind of work may take. */
const LARGEST_SHARE = 0.25;
const GUARD_MS = 2_000;

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

/** Work that has failed for this time is told. */
const FAILING_MS = 15 * 60_000;

/**
 * Looks after every job that no worker runs: once a minute, one run at a time. Failed work is logged and left to the
 * next run; other work goes on. Work that got no time comes first in the next run. The run stays for `stayMs` while a
 * campaign runs, or while it releases held jobs a few at a time. `canaryMs` is the time between two canaries of a
 * queue; 0 means no canaries.
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
  const teller = createTeller(reached);
  const shared = {
    ...reached,
    ...teller,
    queues: inBatches(reached.queues),
    lastRunAt: lease.lastRunAt ?? 0,
  };
  const again: Part[] = [];
  let next: string | undefined;

  const campaignsRun = await campaigns();
  await Promise.all([otherWork(), campaignsRun && stay()]);
  const failing = await failures.now(lease.failing ?? []);
  await attempt({ kind: 'tell', work: () => tellFacts(failing) });
  metrics.add('ReconcilerRuns', 1, 'Count', {});
  await metrics.flush();
  await attempt({ kind: 'end', work: (deps) => endRun(deps, lease, { next, failing, begunAt: begun }) });

  async function tellFacts(failing: FailingWork[]): Promise<void> {
    if (failing.some(({ since }) => clock.now() - since >= FAILING_MS))
      await teller.tell({ kind: 'reconciler-failing', subject: '' });
    for (const [queue, count] of failures.damaged()) {
      metrics.add('RowsDamaged', count, 'Count', {});
      await teller.tell({ kind: 'row-damaged', subject: queue, count });
    }
    metrics.add('AlarmsNotSent', await teller.close(), 'Count', {});
  }

  async function otherWork(): Promise<void> {
    if (canaryMs > 0)
      for (const queue of queueNames)
        await attempt({ kind: 'watchCanary', queue, work: (deps) => watchCanary(deps, { queue, everyMs: canaryMs }) });
    for (const part of partsFrom(queueNames, lease?.next))
      if (clock.now() < end) await attempt(part);
      else next ??= nameOf(part);
    while (again.length > 0 && clock.now() + RELEASE_EVERY_MS < lastLook) {
      await clock.sleep(RELEASE_EVERY_MS);
      for (const part of again.splice(0)) await attempt(part);
    }
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
      const reach = { ...deps, release: (row: JobRow) => release(deps, row) };
      run = await releaseCampaigns(reach, { mayGoOn, nextLookMs, place });
    };
    if (clock.now() < end) await attempt({ kind: 'releaseCampaigns', work });
    return run;
  }

  async function attempt({ work, ...part }: Part): Promise<void> {
    const until = Math.min(end, clock.now() + remainingMs * LARGEST_SHARE);
    const deps: ReconcileRun = {
      ...shared,
      failed: (failure) => failures.note(part, failure),
      again: (more) => again.push({ ...part, work: more }),
    };
    try {
      await work(deps, () => clock.now() < until);
    } catch (error) {
      failures.note(part, { code: codeOf(error) });
    }
  }
}

async function begin(deps: ReconcileDeps, until: number): Promise<ReconcilerRun | undefined> {
  for (const last = deps.clock.now() + BEGIN_WITHIN_MS; ; await deps.clock.sleep(BEGIN_EVERY_MS)) {
    const lease = await beginRun(deps, until);
    if (lease || deps.clock.now() >= last) return lease;
  }
}
