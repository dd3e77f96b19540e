import { StoreError } from '../../lib/platform/errors';
import type { Change, Item, Table } from '../../lib/platform/ports';

const MAX_ITEM_BYTES = 400 * 1024;

/** The capacity units that a call uses of one partition key, in the table or an index. */
export interface Used {
  partition: string;
  reads?: number;
  writes?: number;
}

/** The indexes: an item's partition key and its number to sort by. Without both, it is not in the index. */
const INDEXES = {
  todo: ({ todo, todoAt }: Item) => [todo, todoAt],
  accepted: ({ accepted, time }: Item) => [accepted, time],
  inGroup: ({ inGroup }: Item) => [inGroup, 0],
  person: ({ person }: Item) => [person, 0],
} satisfies Record<string, (item: Item) => unknown[]>;
type IndexName = keyof typeof INDEXES;
const NAMES = Object.keys(INDEXES) as IndexName[];

/** An entry of an index, in the order of its number and then of its key. */
interface Entry {
  key: string;
  at: number;
}
type Indexed = Partial<Record<IndexName, { of: string; at: number }>>;
interface Stored {
  json: string;
  version: number;
  indexed: Indexed;
  /** Known only if someone asks for the used units. */
  bytes: number;
}

/** Sorts after every key. */
const LAST = '\uffff';
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byEntry = (a: Entry, b: Entry): number => a.at - b.at || byText(a.key, b.key);

function indexedOf(item: Item): Indexed {
  const indexed: Indexed = {};
  for (const name of NAMES) {
    const [of, at] = INDEXES[name](item);
    if (typeof of === 'string' && typeof at === 'number') indexed[name] = { of, at };
  }
  return indexed;
}

/**
 * The jobs table without a network. Each call takes effect at once and answers in a microtask. `lagMs`: for how long
 * its indexes show the state before, by the clock `now`. `used` gets the units of reads and writes.
 */
export function memoryTable(
  options: { lagMs?: number; now?: () => number; used?: ((use: Used) => void) | undefined } = {},
) {
  const { lagMs = 0, now = () => 0, used } = options;
  const stored = new Map<string, Stored>();
  const index = laggingIndex(lagMs, now);
  let writes = 0;

  const versionOf = (key: string): number => stored.get(key)?.version ?? 0;
  const item = (key: string): Item | undefined => {
    const found = stored.get(key);
    return found && (JSON.parse(found.json) as Item);
  };

  const jsonOf = (item: Item): string => {
    const json = JSON.stringify(item);
    if (Buffer.byteLength(json) > MAX_ITEM_BYTES)
      throw new StoreError({ code: 'DynamoDB.ValidationException', message: 'the item is too large' });
    return json;
  };
  function store(item: Item, json: string): void {
    const { key, version } = item;
    const indexed = indexedOf(item);
    const bytes = used ? bytesOf(item) : 0;
    if (used) {
      const before = stored.get(key);
      used({ partition: `item ${key}`, writes: unitsOf(Math.max(before?.bytes ?? 0, bytes), WRITE_UNIT_BYTES) });
      for (const { name, of } of changesOf(before?.indexed, indexed)) used({ partition: `${name} ${of}`, writes: 1 });
    }
    stored.set(key, { json, version, indexed, bytes });
    index.write(key, indexed);
    writes++;
  }

  const port: Table = {
    get: async (key) => {
      used?.({ partition: `item ${key}`, reads: unitsOf(stored.get(key)?.bytes, READ_UNIT_BYTES) });
      return item(key);
    },

    put: async (item: Item, expected) => {
      const json = jsonOf(item);
      if (versionOf(item.key) !== expected) return 'conflict';
      store(item, json);
      return 'written';
    },

    update: async (key, change) => {
      const before = item(key);
      const next = before && changedItem(before, change);
      if (!next) return undefined;
      const json = jsonOf(next);
      store(next, json);
      return JSON.parse(json) as Item;
    },

    delete: async (key, expected) => {
      if (versionOf(key) !== expected) return 'conflict';
      stored.delete(key);
      index.write(key, undefined);
      return 'deleted';
    },

    due: async (todo, { until, after, limit, newestFirst = false }) => {
      const entries = index.read('todo', todo);
      // Most partitions are empty, and the reconciler asks for each every minute.
      if (entries.length === 0) return [];
      const from = after && { key: after.key, at: after.todoAt };
      const found = newestFirst
        ? before(entries, from ?? { key: LAST, at: until }, limit)
        : behind(entries, from, limit);
      return found.filter(({ at }) => at <= until).map(({ key, at }) => ({ key, todoAt: at }));
    },

    todos: async (most) => index.partitions('todo', most),

    count: async (todo, { since, most = Number.POSITIVE_INFINITY }) => {
      const entries = index.read('todo', todo);
      return Math.min(most, entries.length - placeIn(entries, { key: '', at: since }));
    },

    accepted: async (queue, { from = 0, until = Number.MAX_SAFE_INTEGER, after, limit }) => {
      if (until < from) throw new Error('ValidationException: the range ends before it begins');
      const first = after ? { key: after.key, at: after.time } : { key: LAST, at: until };
      const found = before(index.read('accepted', queue), first, limit);
      return found.filter(({ at }) => at >= from).map(({ key, at }) => ({ key, time: at }));
    },
    group: async (group, options) => keysOf(index.read('inGroup', group), options),
    person: async (person, options) => keysOf(index.read('person', person), options),
  };
  return {
    ...port,
    item,
    items: () => [...stored.entries()].sort(([a], [b]) => byText(a, b)).map(([, { json }]) => JSON.parse(json) as Item),
    writes: () => writes,
  };
}

/** The place of the first entry that is not before this one, or the end. */
function placeIn(entries: readonly Entry[], entry: Entry): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byEntry(entries[middle] as Entry, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The next entries behind this one, or the first. */
function behind(entries: readonly Entry[], entry: Entry | undefined, limit: number): Entry[] {
  const start = entry ? placeIn(entries, { ...entry, key: `${entry.key}\0` }) : 0;
  return entries.slice(start, start + limit);
}

/** The entries before this one, the last one first. */
function before(entries: readonly Entry[], entry: Entry, limit: number): Entry[] {
  const end = placeIn(entries, entry);
  return entries.slice(Math.max(0, end - limit), end).reverse();
}

const keysOf = (entries: readonly Entry[], { after, limit }: Parameters<Table['group']>[1]): string[] =>
  behind(entries, after === undefined ? undefined : { key: after, at: 0 }, limit).map(({ key }) => key);

const READ_UNIT_BYTES = 4_096;
const WRITE_UNIT_BYTES = 1_024;
const unitsOf = (bytes = 0, ofUnit: number): number => Math.max(1, Math.ceil(bytes / ofUnit));

/** By AWS's page "DynamoDB item sizes and formats". */
const bytesOf = (item: object): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + bytesOfValue(value), 0);

function bytesOfValue(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).replace(/\D|0+$/g, '').length / 2) + 1;
  if (typeof value !== 'object' || value === null) return 1;
  if (!Array.isArray(value)) return 3 + Object.keys(value).length + bytesOf(value);
  return value.reduce((sum: number, part) => sum + 1 + bytesOfValue(part), 3);
}

/**
 * The entries that a write of one item removes from the indexes or adds. An entry that stays needs no write, because
 * the indexes project keys only.
 */
const changesOf = (before: Indexed = {}, after: Indexed = {}) =>
  NAMES.flatMap((name) => {
    const [old, next] = [before[name], after[name]];
    if (old?.of === next?.of && old?.at === next?.at) return [];
    return [...(old ? [{ name, ...old, adds: false }] : []), ...(next ? [{ name, ...next, adds: true }] : [])];
  });

const NONE: readonly Entry[] = [];

/** Indexes that show a write only after this time. */
function laggingIndex(lagMs: number, now: () => number) {
  /** The entries of each partition key of an index, in order. */
  const partitions = Object.fromEntries(NAMES.map((name) => [name, new Map<string, Entry[]>()])) as Record<
    IndexName,
    Map<string, Entry[]>
  >;
  const applied = new Map<string, Indexed>();
  const late: { at: number; key: string; indexed: Indexed | undefined }[] = [];
  const apply = (key: string, indexed: Indexed = {}) => {
    for (const { name, of, at, adds } of changesOf(applied.get(key), indexed)) {
      const entries = partitions[name].get(of) ?? [];
      entries.splice(placeIn(entries, { key, at }), adds ? 0 : 1, ...(adds ? [{ key, at }] : []));
      partitions[name].set(of, entries);
    }
    applied.set(key, indexed);
  };
  const applyLate = () => {
    while (late[0] && late[0].at <= now()) {
      const { key, indexed } = late.shift() as (typeof late)[number];
      apply(key, indexed);
    }
  };
  return {
    write: (key: string, indexed: Indexed | undefined) => {
      if (lagMs === 0) apply(key, indexed);
      else late.push({ at: now() + lagMs, key, indexed });
    },
    read: (name: IndexName, partition: string): readonly Entry[] => {
      applyLate();
      return partitions[name].get(partition) ?? NONE;
    },
    /** The partition keys of an index of at most `most` entries. */
    partitions: (name: IndexName, most: number): string[] | undefined => {
      applyLate();
      const filled = [...partitions[name]].filter(([, entries]) => entries.length > 0);
      const entries = filled.reduce((sum, [, { length }]) => sum + length, 0);
      return entries > most ? undefined : filled.map(([partition]) => partition);
    },
  };
}

/** The item after a change, as DynamoDB makes it. `undefined` if the item is not as the change expects it. */
function changedItem(item: Item, { expected, set, append }: Change): Item | undefined {
  const fits = Object.entries(expected).every(([name, value]) => isAs(item[name], value));
  const lists = Object.keys(append).every((name) => Array.isArray(item[name]));
  if (!fits || !lists || typeof item.version !== 'number' || item.version < 1) return undefined;
  const appended = Object.entries(append).map(([name, more]) => [name, [...(item[name] as unknown[]), ...more]]);
  return { ...item, ...set, ...Object.fromEntries(appended), version: item.version + 1 };
}

function isAs(stored: unknown, expected: Change['expected'][string]): boolean {
  if (typeof expected !== 'object') return stored === expected;
  const isOfItsKind =
    typeof stored === 'object' && stored !== null && Array.isArray(stored) === Array.isArray(expected);
  return isOfItsKind && Object.keys(stored).length === 0;
}
