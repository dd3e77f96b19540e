import { passKey, todoKey } from '../jobs/keys';
import { readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import type { ReconcileDeps } from './deps';
import { SHORTEST_WALK_MS, walkMs } from './walk';

/** One walk through a whole DLQ. It may take several runs of the reconciler. Times are ms since 1970. */
export interface Pass {
  since: number;
  /** A pass that has not reached the end of the queue by this time starts again. */
  until: number;
  /** Messages in the DLQ when the pass began. */
  entries: number;
  /** Dead jobs that should have an entry when the pass began. */
  parked: number;
  /** Entries that the pass has seen and kept. */
  seen: number;
  endedAt?: number;
  /** Messages that must be judged again. */
  left: number;
}

interface StoredPass extends Pass, Item {
  /** This pass or an earlier one hides entries until this time. */
  hiddenUntil: number;
}

const MINUTE_MS = 60_000;
/** Twice the time for judging at 40 ms a call: two calls in a row for nine entries, in a quarter of each run. */
const MS_PER_ENTRY = 100;
/** SQS counts approximately, and counts can agree by chance. So a walk is always due after this time. */
const WALK_ANYWAY_MS = 15 * MINUTE_MS;

type Deps = Pick<ReconcileDeps, 'table' | 'clock' | 'random'>;

/** Returns the current pass, or a new one if one is due. */
export async function passToWalk(deps: ReconcileDeps, queue: string): Promise<Pass | undefined> {
  const { clock, queues, table, settings, dlqUrl } = deps;
  const now = clock.now();
  const last = await readPass(deps, queue);
  const unfinished = last !== undefined && last.endedAt === undefined;
  if (unfinished && now < last.until) return last;
  const { visible, inFlight } = await queues.depth(dlqUrl(queue));
  const entries = visible + inFlight;
  const parked = await table.count(todoKey(queue, 'dead'), { since: now - settings(queue).dlqRetention * 1000 });
  if (last && !isDue(last, { entries, parked, now })) return undefined;
  // The last pass ran out of time, so this one gets twice as much.
  const longer = unfinished ? 2 * (last.until - last.since) : 0;
  const until = now + walkMs(Math.max(entries * MS_PER_ENTRY, longer));
  return { since: now, until, entries, parked, seen: 0, left: 0 };
}

/** Whether the DLQ and the table differ in a way that the last pass has not seen, or the last pass is too old. */
function isDue(last: Pass, { entries, parked, now }: { entries: number; parked: number; now: number }): boolean {
  if (last.endedAt === undefined || last.left > 0 || now >= last.endedAt + WALK_ANYWAY_MS) return true;
  const explained = last.seen >= last.entries && last.entries === entries && last.parked === parked;
  return entries !== parked && !explained;
}

/**
 * Returns the time until which a run hides the entries it kept. It is twice the time that the pass takes at this run's
 * pace, with one run a minute. A pass after one that was too slow hides entries until its own end.
 */
export function hideUntil({ since, until, entries }: Pass, { kept, now }: { kept: number; now: number }): number {
  const slow = until - since > walkMs(entries * MS_PER_ENTRY);
  const atThisPace = since + (2 * MINUTE_MS * entries) / kept;
  return slow ? until : Math.min(until, Math.max(atThisPace, now + SHORTEST_WALK_MS));
}

/** Stores the progress of a pass, and how long it hides the entries it kept. */
export async function storePass(deps: Deps, { queue, pass, hides = 0 }: { queue: string; pass: Pass; hides?: number }) {
  await updateItem<StoredPass>(deps, passKey(queue), (stored) => ({
    ...pass,
    key: passKey(queue),
    version: stored?.version ?? 0,
    writer: '',
    hiddenUntil: Math.max(stored?.hiddenUntil ?? 0, hides),
  }));
}

/** Returns the time until which a pass hides entries of a queue's DLQ, or `undefined` if it hides none. */
export async function hiddenUntil(deps: Deps, queue: string): Promise<number | undefined> {
  const until = (await readPass(deps, queue))?.hiddenUntil ?? 0;
  return until > deps.clock.now() ? until : undefined;
}

const readPass = async (deps: Deps, queue: string) => (await readItem(deps, passKey(queue))) as StoredPass | undefined;
