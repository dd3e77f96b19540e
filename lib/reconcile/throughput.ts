import { releasesKey, todoKey } from '../jobs/keys';
import { readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import type { ReconcileDeps } from './deps';

/** What one run released to a queue, for the next run to measure by (key `releases#{queue}`). */
export interface Releases extends Item {
  at: number;
  /** Messages in the queue before. */
  depth: number;
  released: number;
  /** Held jobs whose wait ends after `at`. */
  waiting: number;
  /** What the queue did in a minute … */
  done: number;
  /** … and how many times as much it was given then. */
  growth: number;
}

/** How many messages a queue takes in a minute of which nothing is known. */
const FIRST = 100;
/** As long as nearly all of them are done, it is given twice as many the next time. */
const LARGEST_GROWTH = 2;
/** Once something limits it, a little more than what is done, and more each time that nearly all is done. */
const SMALLEST_GROWTH = 1.05;
const MORE_GROWTH = 0.02;
/** Nearly all: all but so many, or such a part. */
const FEW = 10;
const SMALL_PART = 0.05;
const MINUTE_MS = 60_000;
/** What was measured earlier says nothing about now. */
const STALE_MS = 10 * MINUTE_MS;

/**
 * Measures what a queue has done since the last run: messages that have left it and whose jobs were not held again. New
 * jobs count as not done, so that what is left over for held ones is known. `sent`: to the queue in this run already.
 */
export async function measure(
  deps: ReconcileDeps,
  { queue, sent }: { queue: string; sent: number },
): Promise<{ releases: Releases; room: number }> {
  const key = releasesKey(queue);
  const at = deps.clock.now();
  const last = (await readItem(deps, key)) as Releases | undefined;
  const { visible, inFlight } = await deps.queues.depth(deps.queueUrl(queue));
  const depth = Math.max(0, visible + inFlight - sent);
  const known = last && at - last.at < STALE_MS ? last : undefined;
  const heldAgain = known ? Math.max(0, (await waitingAfter(deps, queue, known.at)) - known.waiting) : 0;
  const next = known
    ? grown(known, { at, depth, heldAgain })
    : { growth: LARGEST_GROWTH, done: FIRST / LARGEST_GROWTH };
  const waiting = await waitingAfter(deps, queue, at);
  const window = Math.floor(next.growth * next.done);
  return {
    releases: { key, version: 0, writer: '', at, depth, released: 0, waiting, ...next },
    room: Math.max(0, window - depth),
  };
}

/** Stores what a run has done: how many jobs it released, and by how many fewer of those from before still wait. */
export async function keepReleases(
  deps: ReconcileDeps,
  measured: Releases,
  { released, fewer }: { released: number; fewer: number },
): Promise<void> {
  const releases = { ...measured, released, waiting: measured.waiting - fewer };
  await updateItem<Releases>(deps, releases.key, () => releases);
}

/** Held jobs whose wait ends after a time: among them all that were held since. */
async function waitingAfter({ table, settings }: ReconcileDeps, queue: string, at: number): Promise<number> {
  const kinds = settings(queue).ordered ? (['held', 'behind'] as const) : (['held'] as const);
  const counts = await Promise.all(kinds.map((kind) => table.count(todoKey(queue, kind), { since: at })));
  return counts.reduce((sum, count) => sum + count, 0);
}

function grown(
  last: Releases,
  { at, depth, heldAgain }: { at: number; depth: number; heldAgain: number },
): Pick<Releases, 'done' | 'growth'> {
  const offered = last.depth + last.released;
  const undone = depth + heldAgain;
  const done = (Math.max(0, offered - undone) * MINUTE_MS) / Math.max(1, at - last.at);
  // Two minutes together: a vendor that took little in one may take more in the next.
  if (undone > Math.max(FEW, SMALL_PART * offered)) return { done: (done + last.done) / 2, growth: SMALLEST_GROWTH };
  const growth = Math.min(LARGEST_GROWTH, last.growth + MORE_GROWTH);
  return { done: Math.max(done, FIRST / growth), growth };
}
