import type { Campaign } from '../emails/campaigns/campaign';
import { chunkRecipients } from '../emails/campaigns/chunk';
import { campaignReport } from '../emails/report';
import { statusOf } from '../ops/campaign-view';
import { campaignsNotEnded, campaignsOfDay, findCampaign } from '../ops/campaigns';
import type { ConsoleDeps } from './deps';
import type { CampaignLine, CampaignPage, Campaigns } from './views';

const MOST = 200;

/** Campaigns that have not ended, or those of the UTC day that begins then. */
export async function campaignList({ deployment }: ConsoleDeps, day: number | undefined): Promise<Campaigns> {
  const found = await (day === undefined ? campaignsNotEnded(deployment) : campaignsOfDay(deployment, day));
  return {
    campaigns: found.campaigns.slice(0, MOST).map(lineOf),
    more: found.more || found.campaigns.length > MOST,
  };
}

/** A campaign with its report, which reads all its chunks. */
export async function campaignPage({ deployment }: ConsoleDeps, id: string): Promise<CampaignPage> {
  const campaign = await findCampaign(deployment, id);
  return { ...lineOf(campaign), report: await campaignReport(deployment, campaign) };
}

const lineOf = (campaign: Campaign): CampaignLine => ({
  id: campaign.id,
  name: campaign.name,
  status: statusOf(campaign),
  can: campaign.endedAt === undefined ? (CAN[campaign.status] ?? []) : [],
  recipients: campaign.recipients,
  released: releasedRecipients(campaign),
  accepted: campaign.time,
  ended: campaign.endedAt,
});

const CAN: Partial<Record<Campaign['status'], CampaignLine['can']>> = {
  running: ['pause', 'cancel'],
  paused: ['resume', 'cancel'],
};

/** All released chunks but the last of the campaign are full. */
function releasedRecipients(campaign: Campaign): number {
  const { released, chunkSize, chunks } = campaign;
  if (released === 0) return 0;
  return released < chunks ? released * chunkSize : (chunks - 1) * chunkSize + chunkRecipients(campaign, chunks - 1);
}
