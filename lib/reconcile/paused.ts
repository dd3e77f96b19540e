import { CAMPAIGN_QUEUE, type Campaign } from '../jobs/campaign';
import { campaignKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import { everyDue, type Work } from './deps';
import { throughAll } from './each-of';
import { release } from './release';

/**
 * Releases chunks that were held for a pause that is over. Those that are open their campaign releases itself, and
 * sooner; one that an operator brought back after it had ended is not open any more, and its campaign may have ended.
 */
export const releasePaused: Work = async (deps, queue, mayGoOn) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  const todo = todoKey(queue, 'paused');
  await throughAll(everyDue(deps, { todo, mayGoOn }), (keys) =>
    throughAll(keys, async (key) => {
      const row = mayGoOn() ? await deps.ledger.get(key) : undefined;
      if (row?.todo !== todo) return;
      const campaign = (await readItem(deps, campaignKey(row.correlationId ?? ''))) as Campaign | undefined;
      if (campaign?.status !== 'paused') await release(deps, row);
    }),
  );
};
