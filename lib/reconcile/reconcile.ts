import { StoreError } from '../errors';
import { reconcilerKey } from '../jobs/keys';
import { updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import { releaseBehind } from './behind';
import { type Place, releaseCampaigns } from './campaigns';
import { watchCanary } from './canary';
import { judgeDeadLetters } from './dead-letters';
import type { ReconcileDeps, ReconcileRun, Work } from './deps';
import { cancelUnsent, completeEnds, dropBodies, endExpired, noteGoneEntries, noticeOld } from './ends';
import { createExits } from './exits';
import { gaugeHeld } from './gauges';
import { releaseStopped } from './half-open';
import { releasePaused } from './paused';
import { releaseDue } from './release';

interface RunLease extends Item {
  holder: string;
  until: number;
}

/** Each kind of work by the name that its failures are logged under. */
const WORK: Record<string, Work> = {
  releaseDue,
  releasePaused,
  releaseBehind,
  completeEnds,
  cancelUnsent,
  endExpired,
  noticeOld,
  noteGoneEntries,
  dropBodies,
  judgeDeadLetters,
  noteExits: (deps, queue) => deps.exits.keep(deps, queue),
  gaugeHeld,
};

/** Of the run's time, the part that no single kind of work may exceed. */
const LARGEST_SHARE = 0.25;
const GUARD_MS = 2_000;

/** Between two looks at running campaigns, … */
const LOOK_EVERY_MS = 2_000;
/** … between the last one of a run and the first one of the next … */
const OVER_THE_END_MS = 4_000;
/** … and what a run keeps for its last one. */
const LAST_LOOK_MS = 1_000;

/** A run that begins a moment before the last one has ended waits for it, or a minute would pass without one. */
const BEGIN_WITHIN_MS = 5_000;
const BEGIN_EVERY_MS = 500;

/**
 * Looks after every job that no worker runs: once a minute, one run at a time. Work that fails is logged and left to
 * the next run; it keeps nothing else from being done. While a campaign runs it stays for `stayMs` and releases more of
 * it beside its other work, a little at a time. `canaryMs`: from one canary of a queue to the next; 0: there are none.
 */
export async function reconcile(
  reached: ReconcileDeps,
  { remainingMs, stayMs = 0, canaryMs = 0 }: { remainingMs: number; stayMs?: number; canaryMs?: number },
): Promise<void> {
  const deps: ReconcileRun = { ...reached, exits: createExits() };
  const { clock, metrics, log } = deps;
  const begun = clock.now();
  const end = begun + remainingMs - Math.min(GUARD_MS, remainingMs / 10);
  const lastLook = Math.min(end - LAST_LOOK_MS, begun + stayMs);
  const place: Place = {};
  const holder = deps.random.uuid();
  if (!(await begin(deps, holder, begun + remainingMs))) {
    log.info('another run is under way');
    return;
  }

  const campaignsRun = await campaigns();
  await Promise.all([otherWork(), campaignsRun && stay()]);
  metrics.add('ReconcilerRuns', 1, 'Count', {});
  metrics.flush();
  await attempt('end', () => finishRun(deps, holder));

  async function otherWork(): Promise<void> {
    await attempt('releaseStopped', () => releaseStopped(deps, share()));
    if (canaryMs > 0)
      for (const queue of deps.queueNames)
        await attempt('watchCanary', () => watchCanary(deps, { queue, everyMs: canaryMs }), queue);
    for (const queue of deps.queueNames)
      for (const [kind, work] of Object.entries(WORK)) await attempt(kind, () => work(deps, queue, share()), queue);
  }

  async function stay(): Promise<void> {
    for (let run = true; run && clock.now() < lastLook; run = await campaigns())
      await clock.sleep(Math.min(LOOK_EVERY_MS, lastLook - clock.now()));
  }

  function share(): () => boolean {
    const until = Math.min(end, clock.now() + remainingMs * LARGEST_SHARE);
    return () => clock.now() < until;
  }

  async function campaigns(): Promise<boolean> {
    // A look that fails says nothing about the next one.
    let run = true;
    await attempt('releaseCampaigns', async () => {
      const nextLookMs = stayMs > 0 && clock.now() >= lastLook ? OVER_THE_END_MS : LOOK_EVERY_MS;
      run = await releaseCampaigns(deps, { mayGoOn: share(), nextLookMs, place });
    });
    return run;
  }

  async function attempt(kind: string, work: () => Promise<void>, queue?: string): Promise<void> {
    if (clock.now() >= end) return;
    try {
      await work();
    } catch (error) {
      log.error('reconciling failed', { kind, queue, code: error instanceof StoreError ? error.code : 'Unexpected' });
      metrics.add('ReconcilerFailures', 1, 'Count', {});
    }
  }
}

async function begin(deps: ReconcileDeps, holder: string, until: number): Promise<boolean> {
  for (const last = deps.clock.now() + BEGIN_WITHIN_MS; ; await deps.clock.sleep(BEGIN_EVERY_MS)) {
    const { changed } = await updateItem<RunLease>(deps, reconcilerKey, (stored) =>
      stored && stored.until > deps.clock.now()
        ? undefined
        : { key: reconcilerKey, version: 0, writer: '', holder, until },
    );
    if (changed || deps.clock.now() >= last) return changed;
  }
}

/** Gives the lease back, so that the next run need not wait for its end. */
async function finishRun(deps: ReconcileDeps, holder: string): Promise<void> {
  await updateItem<RunLease>(deps, reconcilerKey, (stored) =>
    stored?.holder === holder ? { ...stored, until: 0 } : undefined,
  );
}
