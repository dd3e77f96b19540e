import { StoreError } from '../../lib/errors';
import type { Due, Item, Table } from '../../lib/ports';

const MAX_ITEM_BYTES = 400 * 1024;

export interface MemoryTable extends Table {
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
  const withTodo = (todo: string) => {
    const found: Due[] = [];
    for (const [key, item] of index.read())
      if (item.todo === todo && item.todoAt !== undefined) found.push({ key, todoAt: item.todoAt });
    return found;
  };

  return {
    get: async (key) => {
      const found = stored.get(key);
      return found && (JSON.parse(found.json) as Item);
    },

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

    due: async (todo, { until, after, limit }) =>
      withTodo(todo)
        .filter((due) => due.todoAt <= until && (!after || byTime(after, due) < 0))
        .sort(byTime)
        .slice(0, limit),

    count: async (todo, { since }) => withTodo(todo).filter(({ todoAt }) => todoAt >= since).length,

    hour: async (hour, { after, limit }) =>
      [...index.read()]
        .flatMap(([key, item]) => (item.hour === hour && (after === undefined || key > after) ? [key] : []))
        .sort(byText)
        .slice(0, limit),

    items: () => [...stored.entries()].sort(([a], [b]) => byText(a, b)).map(([, { json }]) => JSON.parse(json) as Item),
    writes: () => writes,
  };
}

function laggingIndex(lagMs: number, now: () => number) {
  const index = new Map<string, Indexed>();
  const late: { at: number; key: string; item: Indexed | undefined }[] = [];
  const apply = (key: string, item: Indexed | undefined) => {
    if (item) index.set(key, item);
    else index.delete(key);
  };
  return {
    write: (key: string, item: Indexed | undefined) => {
      if (lagMs === 0) apply(key, item);
      else late.push({ at: now() + lagMs, key, item });
    },
    read: (): ReadonlyMap<string, Indexed> => {
      while (late[0] && late[0].at <= now()) {
        const { key, item } = late.shift() as (typeof late)[number];
        apply(key, item);
      }
      return index;
    },
  };
}
