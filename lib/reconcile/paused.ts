import type { Campaign } from '../emails/campaigns/campaign';
import { CAMPAIGN_QUEUE, campaignKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import { releaseEach } from './release';
import type { Work } from './run';

/**
 * Releases chunks that were held for a pause that is over. A campaign releases its open chunks itself, and sooner. A
 * chunk that an operator reopened is no longer open, and its campaign may have ended.
 */
export const releasePaused: Work = async (deps, queue, mayGoOn) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  await releaseEach(deps, { queue, todo: todoKey(queue, 'paused'), mayGoOn }, async (row) => {
    const campaign = (await readItem(deps, campaignKey(row.correlationId ?? ''))) as Campaign | undefined;
    return campaign?.status !== 'paused';
  });
};
