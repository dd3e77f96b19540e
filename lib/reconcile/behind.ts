import { jobKey, todoKey } from '../jobs/keys';
import { eachDue, type ReconcileDeps, type Work } from './deps';
import { release } from './release';

/**
 * Releases jobs of an ordered queue that were held behind another of their group, in their order, once the first of
 * the group is on its way or has ended. Should that one be held again, those behind it are as well when they come.
 */
export const releaseBehind: Work = async (deps, queue, mayGoOn) => {
  const groups = new Set<string>();
  await eachDue(deps, { todo: todoKey(queue, 'behind'), mayGoOn }, async ({ group }) => {
    if (group !== undefined) groups.add(group);
  });
  for (const group of groups) if (mayGoOn()) await releaseGroup(deps, { queue, group, mayGoOn });
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
