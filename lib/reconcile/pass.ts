import { passKey, todoKey } from '../jobs/keys';
import { readItem, updateItem } from '../jobs/ledger';
import type { Item } from '../ports';
import type { ReconcileDeps } from './deps';
import { SHORTEST_WALK_MS, walkMs } from './walk';

/** One walk through a whole DLQ, in as many runs of the reconciler as it takes. Times are ms since 1970. */
export interface Pass {
  since: number;
  /** A pass that has not reached the end of the queue by then begins again. */
  until: number;
  /** Messages in the DLQ when it began, … */
  entries: number;
  /** … and dead jobs whose entry should be there. */
  parked: number;
  /** Entries that it has seen and kept. */
  seen: number;
  endedAt?: number;
  /** Messages that must be judged again. */
  left: number;
}

interface StoredPass extends Pass, Item {
  /** Until then this pass or an earlier one hides entries. */
  hiddenUntil: number;
}

const MINUTE_MS = 60_000;
/** Twice what judging takes at 40 ms a call: two calls in a row for nine entries, in a quarter of each run. */
const MS_PER_ENTRY = 100;
/** SQS counts approximately, and the counts can agree by chance. So a walk is due after this time in any case. */
const WALK_ANYWAY_MS = 15 * MINUTE_MS;

type Deps = Pick<ReconcileDeps, 'table' | 'clock' | 'random'>;

/** The pass that is under way, or a new one if one is due. */
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
  // The last pass was too slow for its time: this one gets twice as much.
  const longer = unfinished ? 2 * (last.until - last.since) : 0;
  const until = now + walkMs(Math.max(entries * MS_PER_ENTRY, longer));
  return { since: now, until, entries, parked, seen: 0, left: 0 };
}

/** Whether the DLQ differs from the table in a way that the last pass has not seen, or the last pass is long ago. */
function isDue(last: Pass, { entries, parked, now }: { entries: number; parked: number; now: number }): boolean {
  if (last.endedAt === undefined || last.left > 0 || now >= last.endedAt + WALK_ANYWAY_MS) return true;
  const explained = last.seen >= last.entries && last.entries === entries && last.parked === parked;
  return entries !== parked && !explained;
}

/**
 * Until when a run hides what it has kept: twice the time that the pass takes at the pace of this run, with a run each
 * minute. A pass that was too slow before hides it for all of its time.
 */
export function hideUntil({ since, until, entries }: Pass, { kept, now }: { kept: number; now: number }): number {
  const slow = until - since > walkMs(entries * MS_PER_ENTRY);
  const atThisPace = since + (2 * MINUTE_MS * entries) / kept;
  return slow ? until : Math.min(until, Math.max(atThisPace, now + SHORTEST_WALK_MS));
}

/** Stores how far a pass has come, and until when it hides what it has kept. */
export async function storePass(deps: Deps, { queue, pass, hides = 0 }: { queue: string; pass: Pass; hides?: number }) {
  await updateItem<StoredPass>(deps, passKey(queue), (stored) => ({
    ...pass,
    key: passKey(queue),
    version: stored?.version ?? 0,
    writer: '',
    hiddenUntil: Math.max(stored?.hiddenUntil ?? 0, hides),
  }));
}

/** Until when a pass hides entries of a queue's DLQ; `undefined` if none does. */
export async function hiddenUntil(deps: Deps, queue: string): Promise<number | undefined> {
  const until = (await readPass(deps, queue))?.hiddenUntil ?? 0;
  return until > deps.clock.now() ? until : undefined;
}

const readPass = async (deps: Deps, queue: string) => (await readItem(deps, passKey(queue))) as StoredPass | undefined;
