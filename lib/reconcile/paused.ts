import { campaigns } from '../emails/campaigns/campaign';
import { CAMPAIGN_QUEUE, todoKey } from '../jobs/keys';
import { releaseEach } from './release';
import type { Work } from './run';

/**
 * Releases chunks that were held for a pause that is over. A campaign releases its open chunks itself, and sooner. A
 * chunk that an operator reopened is no longer open, and its campaign may have ended.
 */
export const releasePaused: Work = async (deps, queue, mayGoOn) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  await releaseEach(deps, { queue, todo: todoKey(queue, 'paused'), mayGoOn }, async (row) => {
    const campaign = await campaigns(deps).read(row.campaign ?? '');
    return campaign?.status !== 'paused';
  });
};
