import { jobKey, todoKey } from '../jobs/keys';
import { everyDue, type ReconcileDeps, type Work } from './deps';
import { eachOf, throughAll } from './each-of';
import { release } from './release';

const AT_ONCE = 16;

/**
 * Releases jobs of an ordered queue that were held behind another of their group, in their order, once the first of
 * the group is on its way or has ended. Should that one be held again, those behind it are as well when they come.
 */
export const releaseBehind: Work = async (deps, queue, mayGoOn) => {
  const todo = todoKey(queue, 'behind');
  const groups = new Set<string>();
  // However many of one group wait for long: those of the others come after them.
  for await (const keys of everyDue(deps, { todo, mayGoOn }))
    await eachOf(keys, AT_ONCE, async (key) => {
      const row = await deps.ledger.get(key);
      if (row?.todo === todo && row.group !== undefined) groups.add(row.group);
    });
  await throughAll(groups, async (group) => {
    if (mayGoOn()) await releaseGroup(deps, { queue, group, mayGoOn });
  });
};

async function releaseGroup(
  deps: ReconcileDeps,
  { queue, group, mayGoOn }: { queue: string; group: string; mayGoOn: () => boolean },
): Promise<void> {
  const waiting = await deps.order.waiting(queue, group);
  for (const [index, id] of waiting.entries()) {
    if (!mayGoOn()) return;
    const row = await deps.ledger.get(jobKey(queue, id));
    const heldItself = row?.state === 'held' && row.reason !== 'behind';
    if (index === 0 && heldItself) return;
    if (row?.state === 'held' && row.reason === 'behind') await release(deps, row);
  }
}
