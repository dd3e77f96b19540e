import { everyDue } from '../../lib/jobs/due';
import { jobKey, orderKey, todoKey } from '../../lib/jobs/keys';
import { readItem, updateItem } from '../../lib/jobs/ledger';
import type { Order } from '../../lib/jobs/order';
import { ROW_LIFETIME_MS } from '../../lib/jobs/schedule';
import type { Clock, Item, Random, Table } from '../../lib/ports';
import { release } from '../../lib/reconcile/release';
import type { Work } from '../../lib/reconcile/run';

interface Waiting extends Item {
  waiting: string[];
}

interface Joined {
  queue: string;
  group: string;
  id: string;
}

/** The order of a group as released code keeps it: one list of any length, in an item that it writes as a whole. */
export function releasedOrder(deps: { table: Table; clock: Clock; random: Random }) {
  async function change({ queue, group }: Joined, next: (waiting: string[]) => string[] | undefined): Promise<void> {
    const key = orderKey(queue, group);
    await updateItem<Waiting>(deps, key, (stored) => {
      const waiting = next(stored?.waiting ?? []);
      const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1000);
      return waiting && { key, version: 0, writer: '', waiting, ...(waiting.length === 0 ? { expiresAt } : {}) };
    });
  }

  return {
    waiting: async (queue: string, group: string): Promise<string[]> =>
      ((await readItem(deps, orderKey(queue, group))) as Waiting | undefined)?.waiting ?? [],
    join: (job: Joined) => change(job, (waiting) => (waiting.includes(job.id) ? undefined : [...waiting, job.id])),
    leave: (job: Joined) =>
      change(job, (waiting) => (waiting.includes(job.id) ? waiting.filter((id) => id !== job.id) : undefined)),
  };
}

/** The released order behind the new interface, without tickets. */
export function releasedCode(deps: { table: Table; clock: Clock; random: Random }): Order {
  const old = releasedOrder(deps);
  const front: Order['front'] = ({ queue, group = '' }) => old.waiting(queue, group);
  return {
    front,
    look: front,
    join: async ({ queue, group = '', id }) => {
      await old.join({ queue, group, id });
      return undefined;
    },
    leave: async ({ queue, group = '' }, ids) => {
      for (const id of ids) await old.leave({ queue, group, id });
    },
  };
}

/** How the reconciler of released code releases jobs: it finds lines by the rows alone. */
export const releasedBehind: Work = async (deps, queue, mayGoOn) => {
  const todo = todoKey(queue, 'behind');
  const groups = new Set<string>();
  for await (const keys of everyDue(deps, { todo, mayGoOn }))
    for (const key of keys) {
      const row = await deps.ledger.get(key);
      if (row?.todo === todo && row.group !== undefined) groups.add(row.group);
    }
  for (const group of groups)
    for (const [index, id] of (await deps.order.front({ queue, group })).entries()) {
      const row = await deps.ledger.get(jobKey(queue, id));
      if (index === 0 && row?.state === 'held' && row.reason !== 'behind') break;
      if (row?.state === 'held' && row.reason === 'behind') await release(deps, row);
    }
};
