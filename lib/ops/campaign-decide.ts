import { type Campaign, type CampaignStatus, type Campaigns, campaigns } from '../emails/campaigns/campaign';
import type { Updated } from '../jobs/ledger';
import { auditNote } from './audit-trail';
import { findCampaign } from './campaign-find';
import { statusOf } from './campaign-view';
import { OperatorError, type Reader } from './operator';

export type CampaignDecision = 'pause' | 'resume' | 'cancel';

interface Rule {
  change: (store: Campaigns, id: string, note: string) => Promise<Updated<Campaign>>;
  becomes: CampaignStatus;
  /** Which campaigns it is for. */
  only: string;
}

const RULES: Record<CampaignDecision, Rule> = {
  pause: {
    change: (store, id, note) => store.pause(id, 'operator', note),
    becomes: 'paused',
    only: 'a running campaign can be paused',
  },
  resume: {
    change: (store, id, note) => store.resume(id, note),
    becomes: 'running',
    only: 'a paused campaign can be resumed',
  },
  cancel: {
    change: (store, id, note) => store.cancel(id, note),
    becomes: 'cancelled',
    only: 'a running or paused campaign can be cancelled',
  },
};

/**
 * Changes a campaign's status. A repeat changes nothing. Rejects with an OperatorError if it comes too late. `audited`:
 * stores who does it, just before the change, and returns the id of that object.
 */
export async function decideCampaign(
  from: Reader,
  id: string,
  decision: CampaignDecision,
  audited: () => Promise<string>,
): Promise<{ before: Campaign; after: Campaign }> {
  const { change, becomes, only } = RULES[decision];
  const before = await findCampaign(from, id);
  const note = auditNote({ audit: await audited() });
  const after = (await change(campaigns(from), before.id, note)).item ?? before;
  if (after.status !== becomes) throw new OperatorError(`${after.id} is ${statusOf(after)}: only ${only}.`);
  return { before, after };
}
