import { StoreError } from '../errors';
import type { Clock, Item, Random, Table } from '../ports';
import { aliveKey } from './keys';

interface Mark extends Item {
  at: number;
}

/** One mark per environment and this long is enough: what kills a process brings up a new one. */
const MARK_AGAIN_MS = 5 * 60_000;

/**
 * The mark that a queue's worker leaves before it looks at any message. It tells a message that kills whoever reads it
 * from a worker that does not start at all (a bad deployment, no room in the account): only the first is its own fault.
 */
export interface SignOfLife {
  /** Leaves the mark; where that cannot be done, the work goes on without. */
  mark(queue: string): Promise<void>;
  /** When a worker last left it, ms since 1970; `undefined` if none ever did. */
  last(queue: string): Promise<number | undefined>;
}

export function createSignOfLife({ table, clock, random }: { table: Table; clock: Clock; random: Random }): SignOfLife {
  let markedAt = Number.NEGATIVE_INFINITY;
  const read = async (queue: string) => (await table.get(aliveKey(queue))) as Mark | undefined;
  return {
    last: async (queue) => (await read(queue))?.at,
    mark: async (queue) => {
      const at = clock.now();
      if (at - markedAt < MARK_AGAIN_MS) return;
      try {
        const stored = await read(queue);
        const version = stored?.version ?? 0;
        // Not said twice: a conflict means that somebody else has just left the mark.
        await table.put({ key: aliveKey(queue), version: version + 1, writer: random.uuid(), at }, version);
        markedAt = at;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
      }
    },
  };
}
