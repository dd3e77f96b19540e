import * as z from 'zod';
import { mapEach } from '../../platform/concurrency';
import { StoreError } from '../../platform/errors';
import type { Clock, Due, Item, ItemHead, Random, Table } from '../../platform/ports';

/** `item`: as it is stored now. An unchanged item may be missing. */
export type Updated<T> = { changed: true; item: T } | { changed: false; item: T | undefined };

export type Written<T, S = T> = { written: true; item: T } | { written: false; stored: S | undefined };

export interface ItemDeps {
  table: Table;
  clock: Clock;
  random: Random;
}

const TRIES = 3;
const RETRY_MS = 100;

/**
 * Writes an item under its next version. If the answer to a write is lost, the repeat (ours or the SDK's) finds its own
 * item in the table. It is recognised by `writer`, which each write has for itself, and counts as written.
 */
export async function writeItem<T extends ItemHead>(
  deps: ItemDeps,
  item: T,
  expected: number,
): Promise<Written<T, Item>> {
  const { table, random } = deps;
  const next = { ...item, version: expected + 1, writer: random.uuid() };
  return patiently(deps, async () => {
    if ((await table.put(next, expected)) === 'written') return { written: true, item: next };
    const stored = await table.get(next.key);
    if (stored?.writer === next.writer) return { written: true, item: next };
    return { written: false, stored };
  });
}

/**
 * Reads, changes and writes a shared item, and repeats this if another writer changed the item in between. `change`
 * returns `undefined` to leave the item as it is. `known`: the item as just read, which saves the first read.
 */
export async function updateItem<T extends ItemHead>(
  deps: ItemDeps,
  key: string,
  change: (item: T | undefined) => T | undefined,
  known?: T,
): Promise<Updated<T>> {
  for (let stored = known?.version ? known : await readItem<T>(deps, key); ; ) {
    const next = change(stored);
    if (!next) return { changed: false, item: stored };
    const result = await writeItem(deps, next, stored?.version ?? 0);
    if (result.written) return { changed: true, item: result.item };
    stored = result.stored as ItemHead as T | undefined;
  }
}

/** `T`: the kind of items that have such a key. */
export const readItem = <T extends ItemHead = Item>(deps: ItemDeps, key: string): Promise<T | undefined> =>
  patiently(deps, async () => (await deps.table.get(key)) as ItemHead as T | undefined);

/** A repeat within a second has the same end: the caller is denied, or its own call is over. */
const isFinal = ({ code }: StoreError): boolean => /\.AccessDenied(Exception)?$|^Producer\./.test(code);

/** Makes a call to the table, and repeats it while the table fails. The last failure is thrown. */
export async function patiently<R>({ clock, random }: Omit<ItemDeps, 'table'>, call: () => Promise<R>): Promise<R> {
  for (let tried = 1; ; tried++)
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreError) || tried === TRIES || isFinal(error)) throw error;
      await clock.sleep(RETRY_MS * 2 ** tried * (0.5 + random.fraction()));
    }
}

/** Only the holder may do the work that the item's key names, until `until`, in ms since 1970. */
export interface RunLease extends ItemHead {
  holder: string;
  until: number;
  /** When a run last died or failed. A write of it may still land: S3 takes a request for a quarter of an hour. */
  doubtAt?: number;
}

/** Takes the lease. Returns `undefined` while another run holds it. */
export async function takeLease<T extends RunLease>(
  deps: ItemDeps,
  key: string,
  until: number,
): Promise<T | undefined> {
  const holder = deps.random.uuid();
  const { changed, item } = await updateItem<T>(deps, key, (stored) => {
    if (stored && stored.until > deps.clock.now()) return undefined;
    const died = stored && stored.until > 0 && { doubtAt: stored.until };
    return { ...(stored ?? { key, version: 0, writer: '' }), ...died, holder, until } as T;
  });
  return changed ? item : undefined;
}

/** Gives the lease back, so that the next run need not wait for its end. `change` adds what the run leaves behind. */
export async function endLease<T extends RunLease>(
  deps: ItemDeps,
  lease: T,
  change: (lease: T) => T = (lease) => lease,
): Promise<void> {
  const left = (stored: T | undefined) =>
    stored?.holder === lease.holder ? { ...change(stored), until: 0 } : undefined;
  await updateItem<T>(deps, lease.key, left, lease);
}

/** One kind of the reconciler's work that fails on one queue, for operators. It holds only ids and codes. */
export interface FailingWork {
  kind: string;
  /** Absent for work on the instance as a whole. */
  queue?: string;
  code: string;
  /** The job that failed most often, and how often in a row. Absent if the work failed as a whole. */
  jobId?: string;
  times?: number;
  /** How many jobs failed in the last run that had a failure. */
  jobs: number;
  /** When it first and last failed, ms since 1970. */
  since: number;
  at: number;
}

/** The reconciler's lease, and what a run leaves for the next one. */
export interface ReconcilerRun extends RunLease {
  failing?: FailingWork[];
  endedAt?: number;
  lastRunAt?: number;
}

/** One kind of work handles at most this many entries at a time, so that it does not starve the others. */
export const SHARE = 100;

/** Where the next reader of what is due starts, if this one had no time to read all. */
export interface Place {
  after?: Due | undefined;
}

export interface DueSearch {
  todo: string;
  mayGoOn: () => boolean;
  /** What is due up to this time, by default now. */
  until?: number;
}

/** Pages of keys that are due, oldest first. A page may be left as it is, and the next page still follows. */
export async function* everyDue(
  { table, clock, share = SHARE }: { table: Pick<Table, 'due'>; clock: Pick<Clock, 'now'>; share?: number },
  { todo, mayGoOn, until = clock.now(), place = {} }: DueSearch & { place?: Place },
): AsyncGenerator<string[]> {
  while (mayGoOn()) {
    const page = await table.due(todo, { until, after: place.after, limit: share });
    place.after = page.length < share ? undefined : page.at(-1);
    yield page.map(({ key }) => key);
    if (!place.after) return;
  }
}

/** Items that are due, oldest first, until there are about `most`. */
export async function readDue<T extends ItemHead>(
  deps: ItemDeps & { share?: number },
  { most, ...asked }: { todo: string; mayGoOn: () => boolean; most: number },
): Promise<T[]> {
  const items: T[] = [];
  for await (const keys of everyDue(deps, asked)) {
    const page = await mapEach(keys, AT_ONCE, (key) => readItem<T>(deps, key));
    items.push(...page.filter((item) => item !== undefined));
    if (items.length >= most) break;
  }
  return items;
}

const AT_ONCE = 32;

/** The reconciler does work that is not urgent only then. */
export const isFirstMinuteOfHour = ({ now }: Pick<Clock, 'now'>): boolean => new Date(now()).getUTCMinutes() === 0;

/** The latest time that a date can have, ms since 1970. */
export const LATEST_TIME = 8.64e15;

/** What every item has. */
export const headSchema = { key: z.string(), version: z.int().min(1), writer: z.string() };

/** What an operator has set, when and why in their words. It ends at `until`, or when an operator ends it. */
export const limitSchema = z.object({
  at: z.number().min(0).max(LATEST_TIME),
  by: z.string(),
  reason: z.string(),
  until: z.number().min(0).max(LATEST_TIME).optional(),
});
export type Limit = z.infer<typeof limitSchema>;

/** The first field by which a stored item is not of its schema. More attributes are allowed: a newer release has them. */
export function fieldAtFault(schema: z.ZodType, item: unknown): string | undefined {
  const [first] = item === undefined ? [] : (schema.safeParse(item).error?.issues ?? []);
  return first && (first.path.join('.') || 'item');
}

/** A shared item is not of its schema. What needs it waits until a person has restored it, and nothing replaces it. */
export class ItemDamagedError extends StoreError {
  constructor(
    readonly key: string,
    field: string,
  ) {
    super({ code: 'ItemDamaged', message: `${key}: ${field} does not parse`, field });
  }
}

/** The item, with all attributes that it has. Throws an ItemDamagedError. */
export function sound<T extends ItemHead>(schema: z.ZodType<T>, item: ItemHead): T {
  const field = fieldAtFault(schema, item);
  if (field !== undefined) throw new ItemDamagedError(item.key, field);
  return item as T;
}

/** An operator has paused a queue (`pauseKey`). Lambda receives none of its messages. */
export type Pause = ItemHead & Limit;
