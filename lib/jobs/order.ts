import type { Clock, Item, Random, Table } from '../ports';
import { orderKey } from './keys';
import { readItem, updateItem } from './ledger';
import type { JobRow } from './row';
import { ROW_LIFETIME_MS } from './schedule';

/** The jobs of one group that were held and have not ended, in the order in which they were sent. */
interface Waiting extends Item {
  waiting: string[];
}

/**
 * Order inside a group of an `ordered` queue, past the queue itself: a held job has left it, and those behind must not
 * overtake. A job joins before it is held and leaves when it has ended; only the first may run.
 */
export interface Order {
  /** Ids of the group's held jobs, the one that may run first. */
  waiting(queue: string, group: string): Promise<readonly string[]>;
  join(row: Pick<JobRow, 'queue' | 'group' | 'id'>): Promise<void>;
  leave(row: Pick<JobRow, 'queue' | 'group' | 'id'>): Promise<void>;
}

export function createOrder(deps: { table: Table; clock: Clock; random: Random }): Order {
  async function change(
    { queue, group }: Pick<JobRow, 'queue' | 'group'>,
    next: (waiting: string[]) => string[] | undefined,
  ): Promise<void> {
    if (group === undefined) return;
    const key = orderKey(queue, group);
    await updateItem<Waiting>(deps, key, (stored) => {
      const waiting = next(stored?.waiting ?? []);
      const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1000);
      // An item that somebody still waits in has no end of life.
      return waiting && { key, version: 0, writer: '', waiting, ...(waiting.length === 0 ? { expiresAt } : {}) };
    });
  }

  return {
    waiting: async (queue, group) =>
      ((await readItem(deps, orderKey(queue, group))) as Waiting | undefined)?.waiting ?? [],
    join: (row) => change(row, (waiting) => (waiting.includes(row.id) ? undefined : [...waiting, row.id])),
    leave: (row) =>
      change(row, (waiting) => (waiting.includes(row.id) ? waiting.filter((id) => id !== row.id) : undefined)),
  };
}
