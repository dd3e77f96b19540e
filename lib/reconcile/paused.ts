import { campaigns } from '../emails/campaigns/campaign';
import { CAMPAIGN_QUEUE, todoKey } from '../jobs/keys';
import { releaseEach } from './release';
import { createRoom, LEAST } from './room';
import type { Work } from './run';

/**
 * Releases chunks that were held for a pause that is over. A campaign releases its open chunks itself, and sooner. A
 * chunk that an operator reopened is no longer open, and its campaign may have ended.
 */
export const releasePaused: Work = async (deps, queue, mayGoOn) => {
  if (queue !== CAMPAIGN_QUEUE) return;
  const room = createRoom(deps, queue, LEAST);
  await releaseEach(deps, { todo: todoKey(queue, 'paused'), room, mayGoOn }, async (row) => {
    const campaign = await campaigns(deps).read(row.campaign ?? '');
    return campaign?.status !== 'paused';
  });
};
