import { StoreError } from '../errors';
import { reconcilerKey } from '../jobs/keys';
import { updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import { releaseBehind } from './behind';
import { releaseCampaigns } from './campaigns';
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

/** Between two looks at running campaigns. */
const CAMPAIGN_PAUSE_MS = 2_000;

/**
 * Looks after every job that no worker runs: once a minute, one run at a time. Work that fails is logged and left to
 * the next run; it keeps nothing else from being done. While a campaign runs it stays for `stayMs` to release more of
 * it, a little at a time. `canaryMs`: from one canary of a queue to the next; 0: there are none.
 */
export async function reconcile(
  reached: ReconcileDeps,
  { remainingMs, stayMs = 0, canaryMs = 0 }: { remainingMs: number; stayMs?: number; canaryMs?: number },
): Promise<void> {
  const deps: ReconcileRun = { ...reached, exits: createExits() };
  const { clock, metrics, log } = deps;
  const stayUntil = clock.now() + stayMs;
  const end = clock.now() + remainingMs - Math.min(GUARD_MS, remainingMs / 10);
  const holder = deps.random.uuid();
  if (!(await begin(deps, holder, clock.now() + remainingMs))) {
    log.info('another run is under way');
    return;
  }

  let campaignsRun = await campaigns();
  await attempt('releaseStopped', () => releaseStopped(deps, share()));
  if (canaryMs > 0)
    for (const queue of deps.queueNames)
      await attempt('watchCanary', () => watchCanary(deps, { queue, everyMs: canaryMs }), queue);
  for (const queue of deps.queueNames)
    for (const [kind, work] of Object.entries(WORK)) await attempt(kind, () => work(deps, queue, share()), queue);
  while (campaignsRun && clock.now() + CAMPAIGN_PAUSE_MS < Math.min(end, stayUntil)) {
    await clock.sleep(CAMPAIGN_PAUSE_MS);
    campaignsRun = await campaigns();
  }
  metrics.add('ReconcilerRuns', 1, 'Count', {});
  metrics.flush();
  await attempt('end', () => finishRun(deps, holder));

  function share(): () => boolean {
    const until = Math.min(end, clock.now() + remainingMs * LARGEST_SHARE);
    return () => clock.now() < until;
  }

  async function campaigns(): Promise<boolean> {
    let run = false;
    await attempt('releaseCampaigns', async () => {
      run = await releaseCampaigns(deps, share());
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
  const { changed } = await updateItem<RunLease>(deps, reconcilerKey, (stored) =>
    stored && stored.until > deps.clock.now()
      ? undefined
      : { key: reconcilerKey, version: 0, writer: '', holder, until },
  );
  return changed;
}

/** Gives the lease back, so that the next run need not wait for its end. */
async function finishRun(deps: ReconcileDeps, holder: string): Promise<void> {
  await updateItem<RunLease>(deps, reconcilerKey, (stored) =>
    stored?.holder === holder ? { ...stored, until: 0 } : undefined,
  );
}
