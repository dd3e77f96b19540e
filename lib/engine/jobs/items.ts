import * as z from 'zod';
import { mapEach } from '../../platform/concurrency';
import { StoreError } from '../../platform/errors';
import type { Clock, Due, Item, ItemHead, Log, Random, Table } from '../../platform/ports';
import { pauseKey } from './keys';
import { without } from './row';

/** `item`: as it is stored now. An unchanged item may be missing. */
export type Updated<T> = { changed: true; item: T } | { changed: false; item: T | undefined };

export type Written<T, S = T> = { written: true; item: T } | { written: false; stored: S | undefined };

export interface ItemDeps {
  table: Table;
  clock: Clock;
  random: Random;
  /** Gets a line about each damaged item that is made anew. */
  log?: Log | undefined;
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
 * returns `undefined` to leave the item as it is. `known` saves the first read: the item as just read, or `none` where
 * there is seldom one. `parsed`: what the code may rely on of a stored item.
 */
export async function updateItem<T extends ItemHead>(
  deps: ItemDeps,
  key: string,
  change: (item: T | undefined) => T | undefined,
  known?: T | 'none',
  parsed: (item: ItemHead) => T = (item) => item as T,
): Promise<Updated<T>> {
  const first = async () => (typeof known === 'object' && known.version ? known : readItem(deps, key));
  for (let stored: ItemHead | undefined = known === 'none' ? undefined : await first(); ; ) {
    // No write could expect it, so this would never end.
    if (stored && !Number.isInteger(stored.version)) throw new ItemDamagedError(key, 'version');
    const item = stored && parsed(stored);
    const next = change(item);
    if (!next) return { changed: false, item };
    const result = await writeItem(deps, next, stored?.version ?? 0);
    if (result.written) return { changed: true, item: result.item };
    stored = result.stored;
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

/** The latest time that a date can have, ms since 1970. */
export const LATEST_TIME = 8.64e15;
export const time = z.number().min(0).max(LATEST_TIME);
export const count = z.int().min(0);

/** What every item has. */
export const headSchema = { key: z.string(), version: z.int().min(1), writer: z.string() };

/** What an operator has set, when and why in their words. It ends at `until`, or when an operator ends it. */
export const limitSchema = z.object({
  at: time,
  by: z.string(),
  reason: z.string(),
  until: time.optional(),
});
export type Limit = z.infer<typeof limitSchema>;

/** The first field by which a stored item is not of its schema. More attributes are allowed: a newer release has them. */
export function fieldAtFault(schema: z.ZodType, item: unknown): string | undefined {
  const [first] = item === undefined ? [] : (schema.safeParse(item).error?.issues ?? []);
  return first && (first.path.join('.') || 'item');
}

const ITEM_DAMAGED = 'ItemDamaged';

/** A shared item is not of its schema. What needs it waits until a person has restored it, and nothing replaces it. */
export class ItemDamagedError extends StoreError {
  constructor(
    readonly key: string,
    field: string,
  ) {
    super({ code: ITEM_DAMAGED, message: `${key}: ${field} does not parse`, field });
  }
}

/** The item, with all attributes that it has. Throws an ItemDamagedError. */
export function sound<T extends ItemHead>(schema: z.ZodType<T>, item: ItemHead): T {
  const field = fieldAtFault(schema, item);
  if (field !== undefined) throw new ItemDamagedError(item.key, field);
  return item as T;
}

/** An operator has paused a queue (`pauseKey`). Lambda receives none of its messages. */
const pauseSchema = limitSchema.extend(headSchema);
export type Pause = z.infer<typeof pauseSchema>;

/** The name that stands for an operator in the pause that a damaged item causes. */
export const DAMAGED = 'the service';

/** A damaged circuit or pause reads as a pause, so the jobs that need it wait until a person restores the item. */
export const damagedPause = (key: string, clock: Pick<Clock, 'now'>): Limit => ({
  ...{ at: clock.now(), by: DAMAGED, reason: `the item ${key} of the table is damaged` },
});

export async function readPause(deps: Pick<ItemDeps, 'table' | 'clock'>, queue: string): Promise<Pause | undefined> {
  const key = pauseKey(queue);
  const stored = await deps.table.get(key);
  if (fieldAtFault(pauseSchema, stored) === undefined) return stored as ItemHead as Pause | undefined;
  return { key, version: 0, writer: '', ...damagedPause(key, deps.clock) };
}

/** A kind of item that can be made anew, because what it holds can be lost. */
export interface Renewable<T extends ItemHead> {
  read: (deps: ItemDeps, key: string) => Promise<T | undefined>;
  update: (
    deps: ItemDeps,
    key: string,
    change: (item: T | undefined) => T | undefined,
    known?: T | 'none',
  ) => Promise<Updated<T>>;
}
export type Stored<R> = R extends Renewable<infer T> ? T : never;

/**
 * Items of this shape. In place of what is damaged of a stored one, each reader gets what `blank` has, and the next write
 * stores that. All other attributes stay, also those of a newer release.
 */
export function renewable<S extends z.ZodRawShape>(
  shape: S,
  blank: z.infer<z.ZodObject<S>>,
): Renewable<ItemHead & z.infer<z.ZodObject<S>>> {
  type Parsed = ItemHead & z.infer<z.ZodObject<S>>;
  const schema = z.object({ ...headSchema, ...shape });
  const renewed = (log: Log | undefined) => (item: ItemHead) => {
    const faults = schema.safeParse(item).error?.issues.map(({ path: [field] }) => String(field)) ?? [];
    if (faults.length === 0) return item as Parsed;
    const [kind = ''] = item.key.split('#');
    log?.error('a damaged item is made anew', { kind, field: faults.join(), code: ITEM_DAMAGED });
    return { ...blank, ...without(item, faults as never[]) };
  };
  return {
    read: async (deps, key) => {
      const item = await readItem(deps, key);
      return item && renewed(deps.log)(item);
    },
    update: (deps, key, change, known) => updateItem(deps, key, change, known, renewed(deps.log)),
  };
}

/** Only the holder may do the work that the item's key names, until `until`, in ms since 1970. */
const leaseShape = {
  holder: z.string(),
  until: time,
  /** When a run last died or failed. A write of it may still land: S3 takes a request for a quarter of an hour. */
  doubtAt: time.optional(),
};
export type RunLease = ItemHead & z.infer<z.ZodObject<typeof leaseShape>>;

/** Until when a damaged lease is held, which is not known. */
const DAMAGED_UNTIL = -1;

/** `shape`: what a run leaves for the next one, which can do without it. */
export const leasesWith = <S extends z.ZodRawShape>(shape: S) =>
  renewable({ ...leaseShape, ...shape }, { holder: '', until: DAMAGED_UNTIL } as never);
export const leases = leasesWith({});

/** Takes the lease. Returns `undefined` while another run holds it. */
export async function takeLease<T extends RunLease>(
  deps: ItemDeps,
  of: Renewable<T>,
  key: string,
  until: number,
): Promise<T | undefined> {
  const holder = deps.random.uuid();
  const { changed, item } = await of.update(deps, key, (stored) => {
    const now = deps.clock.now();
    if (stored && stored.until > now) return undefined;
    const died = stored && stored.until !== 0 && { doubtAt: stored.until === DAMAGED_UNTIL ? now : stored.until };
    return { ...(stored ?? { key, version: 0, writer: '' }), ...died, holder, until } as T;
  });
  return changed ? item : undefined;
}

/** Gives the lease back, so that the next run need not wait for its end. `change` adds what the run leaves behind. */
export async function endLease<T extends RunLease>(
  deps: ItemDeps,
  of: Renewable<T>,
  lease: T,
  change: (lease: T) => T = (lease) => lease,
): Promise<void> {
  const left = (stored: T | undefined) =>
    stored?.holder === lease.holder ? { ...change(stored), until: 0 } : undefined;
  await of.update(deps, lease.key, left, lease);
}

/** One kind of the reconciler's work that fails on one queue, for operators. It holds only ids and codes. */
const failingSchema = z.object({
  kind: z.string(),
  /** Absent for work on the instance as a whole. */
  queue: z.string().optional(),
  code: z.string(),
  /** The job that failed most often, and how often in a row. Absent if the work failed as a whole. */
  jobId: z.string().optional(),
  times: count.optional(),
  /** How many jobs failed in the last run that had a failure. */
  jobs: count,
  /** When it first and last failed, ms since 1970. */
  since: time,
  at: time,
});
export type FailingWork = z.infer<typeof failingSchema>;

/** The reconciler's lease, and what a run leaves for the next one. */
export const reconcilerRuns = leasesWith({
  failing: z.array(failingSchema).optional(),
  endedAt: time.optional(),
  lastRunAt: time.optional(),
});
export type ReconcilerRun = Stored<typeof reconcilerRuns>;

/** One kind of work handles at most this many entries at a time, so that it does not starve the others. */
export const SHARE = 100;

/** Where the next reader of what is due starts, if this one had no time to read all. */
export interface SearchPosition {
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
  { todo, mayGoOn, until = clock.now(), position = {} }: DueSearch & { position?: SearchPosition },
): AsyncGenerator<string[]> {
  while (mayGoOn()) {
    const page = await table.due(todo, { until, after: position.after, limit: share });
    position.after = page.length < share ? undefined : page.at(-1);
    yield page.map(({ key }) => key);
    if (!position.after) return;
  }
}

/** Items that are due, oldest first, until there are about `most`. */
export async function readDue<T extends ItemHead>(
  deps: ItemDeps & { share?: number },
  of: Renewable<T>,
  { most, ...asked }: { todo: string; mayGoOn: () => boolean; most: number },
): Promise<T[]> {
  const items: T[] = [];
  for await (const keys of everyDue(deps, asked)) {
    const page = await mapEach(keys, AT_ONCE, (key) => of.read(deps, key));
    items.push(...page.filter((item) => item !== undefined));
    if (items.length >= most) break;
  }
  return items;
}

const AT_ONCE = 32;

/** The reconciler does work that is not urgent only then. */
export const isFirstMinuteOfHour = ({ now }: Pick<Clock, 'now'>): boolean => new Date(now()).getUTCMinutes() === 0;
