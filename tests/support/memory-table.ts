import { StoreError } from '../../lib/errors';
import type { Accepted, Change, Due, Item, Table } from '../../lib/ports';
import { type SortedList, sortedList } from './sorted-list';

const MAX_ITEM_BYTES = 400 * 1024;

export interface MemoryTable extends Table {
  item(key: string): Item | undefined;
  items(): Item[];
  writes(): number;
}

interface Stored {
  json: string;
  version: number;
  indexed: Indexed;
}

/** The capacity units that a call uses of one partition key, in the table or an index. */
export interface Used {
  partition: string;
  reads?: number;
  writes?: number;
}

interface Indexed {
  todo: string | undefined;
  todoAt: number | undefined;
  accepted: string | undefined;
  time: number;
  inGroup: string | undefined;
  person: string | undefined;
}

/** Sorts after every key. */
const LAST = '\uffff';
const byTime = (a: Due, b: Due): number => a.todoAt - b.todoAt || byText(a.key, b.key);
const byAcceptance = (a: Accepted, b: Accepted): number => a.time - b.time || byText(a.key, b.key);
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The jobs table without a network. Each call takes effect at once and answers in a microtask. `lagMs`: for how long
 * its indexes show the state before, by the clock `now`. `used` gets the units of reads and writes.
 */
export function memoryTable({
  lagMs = 0,
  now = () => 0,
  used,
}: {
  lagMs?: number;
  now?: () => number;
  used?: (use: Used) => void;
} = {}): MemoryTable {
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
  function store({ key, version, todo, todoAt, accepted, time, inGroup, person }: Item, json: string): void {
    const timed = typeof time === 'number' ? { accepted, time } : { accepted: undefined, time: 0 };
    const indexed = { todo, todoAt, inGroup, person, ...timed };
    if (used) {
      const before = stored.get(key);
      const larger = Math.max(unitsOf(before?.json, WRITE_UNIT_BYTES), unitsOf(json, WRITE_UNIT_BYTES));
      used({ partition: `item ${key}`, writes: larger });
      for (const partition of partitionsWritten(before?.indexed, indexed)) used({ partition, writes: 1 });
    }
    stored.set(key, { json, version, indexed });
    index.write(key, indexed);
    writes++;
  }

  return {
    item,
    get: async (key) => {
      used?.({ partition: `item ${key}`, reads: unitsOf(stored.get(key)?.json, READ_UNIT_BYTES) });
      return item(key);
    },

    put: async (item, expected) => {
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
      const list = index.read().todo.get(todo);
      const found: Due[] = [];
      for (const due of (newestFirst ? list?.before(after ?? { key: LAST, todoAt: until }) : list?.after(after)) ??
        []) {
        if (due.todoAt > until || found.length >= limit) break;
        found.push(due);
      }
      return found;
    },

    count: async (todo, { since, most = Number.POSITIVE_INFINITY }) =>
      Math.min(most, index.read().todo.get(todo)?.countAfter({ key: '', todoAt: since }) ?? 0),

    accepted: async (queue, { from = 0, until = Number.MAX_SAFE_INTEGER, after, limit }) => {
      const list = index
        .read()
        .accepted.get(queue)
        ?.before(after ?? { key: LAST, time: until });
      return taken(list, limit).filter(({ time }) => time >= from);
    },
    group: async (group, { after, limit }) => taken(index.read().inGroup.get(group)?.after(after), limit),
    person: async (person, { after, limit }) => taken(index.read().person.get(person)?.after(after), limit),

    items: () => [...stored.entries()].sort(([a], [b]) => byText(a, b)).map(([, { json }]) => JSON.parse(json) as Item),
    writes: () => writes,
  };
}

function taken<T>(keys: Iterable<T> | undefined, limit: number): T[] {
  const found: T[] = [];
  for (const key of keys ?? []) {
    if (found.length >= limit) break;
    found.push(key);
  }
  return found;
}

const READ_UNIT_BYTES = 4_096;
const WRITE_UNIT_BYTES = 1_024;
const unitsOf = (json = '', bytes: number): number => Math.max(1, Math.ceil(Buffer.byteLength(json) / bytes));

/**
 * The partition keys of the index writes for one item. An entry that moves is deleted and put. An entry that stays
 * needs no write, because the indexes project keys only.
 */
function partitionsWritten(before: Indexed | undefined, after: Indexed): string[] {
  const moved = before?.todo !== after.todo || before?.todoAt !== after.todoAt;
  const todo = moved ? [before?.todo, after.todo].filter((key) => key !== undefined) : [];
  const moves = (name: 'accepted' | 'inGroup' | 'person') =>
    before?.[name] === after[name] ? [] : [before?.[name], after[name]].filter((key) => key !== undefined);
  return [
    ...todo.map((key) => `todo ${key}`),
    ...moves('accepted').map((key) => `accepted ${key}`),
    ...moves('inGroup').map((key) => `inGroup ${key}`),
    ...moves('person').map((key) => `person ${key}`),
  ];
}

/** The indexes: the entries of each partition, in the order of the sort key. */
interface Indexes {
  todo: Map<string, SortedList<Due>>;
  accepted: Map<string, SortedList<Accepted>>;
  inGroup: Map<string, SortedList<string>>;
  person: Map<string, SortedList<string>>;
}

function laggingIndex(lagMs: number, now: () => number) {
  const indexes: Indexes = { todo: new Map(), accepted: new Map(), inGroup: new Map(), person: new Map() };
  const applied = new Map<string, Indexed>();
  const late: { at: number; key: string; item: Indexed | undefined }[] = [];
  const apply = (key: string, item: Indexed | undefined) => {
    const before = applied.get(key);
    if (before?.todo !== undefined && before.todoAt !== undefined)
      indexes.todo.get(before.todo)?.remove({ key, todoAt: before.todoAt });
    for (const name of ['inGroup', 'person'] as const) {
      const [old, next] = [before?.[name], item?.[name]];
      if (old !== undefined && old !== next) indexes[name].get(old)?.remove(key);
      if (next !== undefined && old !== next) partition(indexes[name], next, byText).add(key);
    }
    if (before?.accepted !== undefined) indexes.accepted.get(before.accepted)?.remove({ key, time: before.time });
    if (item?.accepted !== undefined)
      partition(indexes.accepted, item.accepted, byAcceptance).add({ key, time: item.time });
    if (item?.todo !== undefined && item.todoAt !== undefined)
      partition(indexes.todo, item.todo, byTime).add({ key, todoAt: item.todoAt });
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
