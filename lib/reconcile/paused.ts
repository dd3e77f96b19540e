import type { Campaign } from '../emails/campaigns/campaign';
import { CAMPAIGN_QUEUE, campaignKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import { releaseEach } from './release';
import type { Work } from './run';

/**
 * Releases chunks that were held for a pause that is over. Those that are open their campaign releases itself, and
 * sooner; one that an operator brought back after it had ended is not open any more, and its campaign may have ended.
 */
export const releasePaused: Work = async (deps, queue, mayGoOn) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  await releaseEach(deps, { queue, todo: todoKey(queue, 'paused'), mayGoOn }, async (row) => {
    const campaign = (await readItem(deps, campaignKey(row.correlationId ?? ''))) as Campaign | undefined;
    return campaign?.status !== 'paused';
  });
};
