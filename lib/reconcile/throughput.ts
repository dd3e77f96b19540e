import { releasesKey, type TodoKind, todoKey } from '../jobs/keys';
import { readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import type { ReconcileDeps } from './deps';

/** What one run released to a queue. The next run uses it to measure (key `releases#{queue}`). */
export interface Releases extends Item {
  at: number;
  /** Messages in the queue before the release. */
  depth: number;
  released: number;
  /** Held jobs whose wait ends after `at`. */
  waiting: number;
  /** How many jobs the queue did in a minute. */
  done: number;
  /** The factor by which the queue then got more than that. */
  growth: number;
}

/** How many messages a queue gets in a minute if nothing is known about it. */
const FIRST = 100;
/** While the queue does nearly all of its jobs, it gets twice as many the next time. */
const LARGEST_GROWTH = 2;
/** Once something limits the queue, it gets a little more than it does, and more each time it does nearly all. */
const SMALLEST_GROWTH = 1.05;
const MORE_GROWTH = 0.02;
/** "Nearly all" means all but this number, or all but this part. */
const FEW = 10;
const SMALL_PART = 0.05;
const MINUTE_MS = 60_000;
/** An older measurement says nothing about the present. */
const STALE_MS = 10 * MINUTE_MS;

/**
 * Measures what a queue has done since the last run: messages that left it and whose jobs were not held again. New jobs
 * count as not done, so the rest is for held jobs. `sent`: messages that this run has already sent to the queue.
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

/** Stores how many jobs a run released, and how many of the earlier waiting jobs no longer wait. */
export async function keepReleases(
  deps: ReconcileDeps,
  measured: Releases,
  { released, fewer }: { released: number; fewer: number },
): Promise<void> {
  const releases = { ...measured, released, waiting: measured.waiting - fewer };
  await updateItem<Releases>(deps, releases.key, () => releases);
}

/** Counts the held jobs whose wait ends after a time. These include all jobs held since then, but no planned jobs. */
async function waitingAfter({ table }: ReconcileDeps, queue: string, at: number): Promise<number> {
  const count = (kind: TodoKind) => table.count(todoKey(queue, kind), { since: at });
  const [held, planned] = await Promise.all([count('held'), count('planned')]);
  return held - planned;
}

function grown(
  last: Releases,
  { at, depth, heldAgain }: { at: number; depth: number; heldAgain: number },
): Pick<Releases, 'done' | 'growth'> {
  const offered = last.depth + last.released;
  const undone = depth + heldAgain;
  const done = (Math.max(0, offered - undone) * MINUTE_MS) / Math.max(1, at - last.at);
  // Uses the mean of two minutes, because a vendor that took little in one may take more in the next.
  if (undone > Math.max(FEW, SMALL_PART * offered)) return { done: (done + last.done) / 2, growth: SMALLEST_GROWTH };
  const growth = Math.min(LARGEST_GROWTH, last.growth + MORE_GROWTH);
  return { done: Math.max(done, FIRST / growth), growth };
}
