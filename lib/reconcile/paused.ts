import { CAMPAIGN_QUEUE, type Campaign } from '../jobs/campaign';
import { campaignKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import { everyDue, type Work } from './deps';
import { release } from './release';

/**
 * Releases chunks that were held for a pause that is over. Those that are open their campaign releases itself, and
 * sooner; one that an operator brought back after it had ended is not open any more, and its campaign may have ended.
 */
export const releasePaused: Work = async (deps, queue, mayGoOn) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  const todo = todoKey(queue, 'paused');
  for await (const keys of everyDue(deps, { todo, mayGoOn }))
    for (const key of keys) {
      if (!mayGoOn()) return;
      const row = await deps.ledger.get(key);
      if (row?.todo !== todo) continue;
      const campaign = (await readItem(deps, campaignKey(row.correlationId ?? ''))) as Campaign | undefined;
      if (campaign?.status !== 'paused') await release(deps, row);
    }
};
