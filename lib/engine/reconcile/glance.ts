import type { ReconcileDeps } from './contract';

/** A larger index is not read as a whole: 1,000 entries are about 100 kB, so 13 read units. */
const MOST_ENTRIES = 1_000;

/**
 * The index `todo` has an entry for each thing that is left to do, now or later, and a run asks for some twenty keys of
 * each queue. So a run reads the whole index first, and then asks for no key of a queue without entries. It asks for all
 * keys of any other queue: an entry that moves from one key to another between both reads must not be missed.
 * What this run writes counts at once. Another process's first entry of a queue waits for the next run, as if the index
 * were late. If the index is too large, or this read fails, the run asks for every key.
 */
export async function afterGlance<Deps extends ReconcileDeps>(deps: Deps): Promise<Deps> {
  const { table, ledger } = deps;
  const found = await table.todos(MOST_ENTRIES);
  if (found === undefined) return deps;
  const busy = new Set(found.map(queueOf));
  const note = (item: object | undefined): void => {
    if (item && 'todo' in item && typeof item.todo === 'string') busy.add(queueOf(item.todo));
  };
  const glanced: typeof table = {
    ...table,
    due: async (todo, options) => (busy.has(queueOf(todo)) ? table.due(todo, options) : []),
    count: async (todo, options) => (busy.has(queueOf(todo)) ? table.count(todo, options) : 0),
    put: async (item, expected) => {
      note(item);
      return table.put(item, expected);
    },
  };
  const noted: typeof ledger = {
    ...ledger,
    write: async (row, expected) => {
      const result = await ledger.write(row, expected);
      note(result.written ? result.item : result.stored);
      return result;
    },
    update: async (...given) => {
      const result = await ledger.update(...given);
      note(result.item);
      return result;
    },
  };
  return { ...deps, table: glanced, ledger: noted };
}

/** A key of the index begins with the name of its queue (`todoKey`). */
const queueOf = (todo: string): string => todo.split('#', 1)[0] ?? '';
