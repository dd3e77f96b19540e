import { StoreError } from '../../lib/errors';
import type { Due, Item, Table } from '../../lib/ports';
import { type SortedList, sortedList } from './sorted-list';

const MAX_ITEM_BYTES = 400 * 1024;

export interface MemoryTable extends Table {
  /** An item as it is stored now; a copy. */
  item(key: string): Item | undefined;
  /** Every item as it is stored now, by key; copies. */
  items(): Item[];
  /** How many writes were taken. */
  writes(): number;
}

interface Stored {
  json: string;
  version: number;
}

interface Indexed {
  todo: string | undefined;
  todoAt: number | undefined;
  hour: string | undefined;
}

/** Behind every key. */
const LAST = '\uffff';
const byTime = (a: Due, b: Due): number => a.todoAt - b.todoAt || byText(a.key, b.key);
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The jobs table without a network: each call takes effect at once and answers in a microtask. `lagMs`: for how long its
 * indexes show what was before, by the clock `now`.
 */
export function memoryTable({ lagMs = 0, now = () => 0 }: { lagMs?: number; now?: () => number } = {}): MemoryTable {
  const stored = new Map<string, Stored>();
  const index = laggingIndex(lagMs, now);
  let writes = 0;

  const versionOf = (key: string): number => stored.get(key)?.version ?? 0;
  const item = (key: string): Item | undefined => {
    const found = stored.get(key);
    return found && (JSON.parse(found.json) as Item);
  };

  return {
    item,
    get: async (key) => item(key),

    put: async (item, expected) => {
      const json = JSON.stringify(item);
      if (Buffer.byteLength(json) > MAX_ITEM_BYTES)
        throw new StoreError({ code: 'DynamoDB.ValidationException', message: 'the item is too large' });
      if (versionOf(item.key) !== expected) return 'conflict';
      const { key, version, todo, todoAt, hour } = item;
      stored.set(key, { json, version });
      index.write(key, { todo, todoAt, hour });
      writes++;
      return 'written';
    },

    delete: async (key, expected) => {
      if (versionOf(key) !== expected) return 'conflict';
      stored.delete(key);
      index.write(key, undefined);
      return 'deleted';
    },

    due: async (todo, { until, after, limit, newestFirst = false }) => {
      const list = index.read().todo.get(todo);
      const found: Due[] = [];
      for (const due of (newestFirst ? list?.before(after ?? { key: LAST, todoAt: until }) : list?.after(after)) ??
        []) {
        if (due.todoAt > until || found.length >= limit) break;
        found.push(due);
      }
      return found;
    },

    count: async (todo, { since }) => index.read().todo.get(todo)?.countAfter({ key: '', todoAt: since }) ?? 0,

    hour: async (hour, { after, limit }) => {
      const found: string[] = [];
      for (const key of index.read().hour.get(hour)?.after(after) ?? []) {
        if (found.length >= limit) break;
        found.push(key);
      }
      return found;
    },

    items: () => [...stored.entries()].sort(([a], [b]) => byText(a, b)).map(([, { json }]) => JSON.parse(json) as Item),
    writes: () => writes,
  };
}

/** The two indexes: by partition, the entries in the order of the sort key. */
interface Indexes {
  todo: Map<string, SortedList<Due>>;
  hour: Map<string, SortedList<string>>;
}

function laggingIndex(lagMs: number, now: () => number) {
  const indexes: Indexes = { todo: new Map(), hour: new Map() };
  const applied = new Map<string, Indexed>();
  const late: { at: number; key: string; item: Indexed | undefined }[] = [];
  const apply = (key: string, item: Indexed | undefined) => {
    const before = applied.get(key);
    if (before?.todo !== undefined && before.todoAt !== undefined)
      indexes.todo.get(before.todo)?.remove({ key, todoAt: before.todoAt });
    if (before?.hour !== undefined && before.hour !== item?.hour) indexes.hour.get(before.hour)?.remove(key);
    if (item?.todo !== undefined && item.todoAt !== undefined)
      partition(indexes.todo, item.todo, byTime).add({ key, todoAt: item.todoAt });
    if (item?.hour !== undefined) partition(indexes.hour, item.hour, byText).add(key);
    if (item) applied.set(key, item);
    else applied.delete(key);
  };
  return {
    write: (key: string, item: Indexed | undefined) => {
      if (lagMs === 0) apply(key, item);
      else late.push({ at: now() + lagMs, key, item });
    },
    read: (): Indexes => {
      while (late[0] && late[0].at <= now()) {
        const { key, item } = late.shift() as (typeof late)[number];
        apply(key, item);
      }
      return indexes;
    },
  };
}

function partition<T>(index: Map<string, SortedList<T>>, name: string, compare: (a: T, b: T) => number): SortedList<T> {
  const found = index.get(name) ?? sortedList(compare);
  index.set(name, found);
  return found;
}
