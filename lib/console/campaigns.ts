import type { Campaign } from '../emails/campaigns/campaign';
import { campaignReport } from '../emails/report';
import { statusOf } from '../ops/campaign-view';
import { campaignsNotEnded, campaignsOfDay, findCampaign } from '../ops/campaigns';
import type { ConsoleDeps } from './deps';

const MOST = 200;

export type Campaigns = Awaited<ReturnType<typeof campaignList>>;
export type CampaignPage = Awaited<ReturnType<typeof campaignPage>>;

/** Campaigns that have not ended, or those of the UTC day that begins then. */
export async function campaignList({ deployment }: ConsoleDeps, day: number | undefined) {
  const found = await (day === undefined ? campaignsNotEnded(deployment) : campaignsOfDay(deployment, day));
  return {
    campaigns: found.campaigns.slice(0, MOST).map(lineOf),
    more: found.more || found.campaigns.length > MOST,
  };
}

export async function campaignPage({ deployment }: ConsoleDeps, id: string) {
  const campaign = await findCampaign(deployment, id);
  return { ...lineOf(campaign), report: await campaignReport(deployment, campaign) };
}

/** `released`: recipients in released chunks, of which all but the campaign's last are full. */
const lineOf = (campaign: Campaign) => ({
  id: campaign.id,
  name: campaign.name,
  status: statusOf(campaign),
  can: campaign.endedAt === undefined ? (CAN[campaign.status] ?? []) : [],
  recipients: campaign.recipients,
  released: Math.min(campaign.released * campaign.chunkSize, campaign.recipients),
  accepted: campaign.time,
  ended: campaign.endedAt,
});

const CAN: Partial<Record<Campaign['status'], ('pause' | 'resume' | 'cancel')[]>> = {
  running: ['pause', 'cancel'],
  paused: ['resume', 'cancel'],
};
