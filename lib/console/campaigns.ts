import type { Campaign } from '../emails/campaigns/campaign';
import { chunkRecipients } from '../emails/campaigns/chunk';
import { campaignReport } from '../emails/report';
import { campaignsNotEnded, campaignsOfDay, findCampaign } from '../ops/campaign-find';
import { statusOf } from '../ops/campaign-view';
import type { ConsoleDeps } from './deps';
import type { CampaignLine, CampaignPage, Campaigns } from './views';

const MOST = 200;

/** Campaigns that have not ended, or those of the UTC day that begins then. */
export async function campaignList({ deployment }: ConsoleDeps, day: number | undefined): Promise<Campaigns> {
  const found = await (day === undefined ? campaignsNotEnded(deployment) : campaignsOfDay(deployment, day));
  const now = deployment.clock.now();
  return {
    campaigns: found.campaigns.slice(0, MOST).map((campaign) => lineOf(campaign, now)),
    more: found.more || found.campaigns.length > MOST,
  };
}

/** A campaign with its report, which reads all its chunks. */
export async function campaignPage({ deployment }: ConsoleDeps, id: string): Promise<CampaignPage> {
  const campaign = await findCampaign(deployment, id);
  return { ...lineOf(campaign, deployment.clock.now()), report: await campaignReport(deployment, campaign) };
}

function lineOf(campaign: Campaign, now: number): CampaignLine {
  const { id, name, status, recipients, released, chunks, time, startsAt, endedAt } = campaign;
  const sent = releasedRecipients(campaign);
  const perSecond = sent / Math.max(1, ranMs(campaign, now) / 1000);
  const runs = status === 'running' && endedAt === undefined && sent > 0;
  return {
    id,
    ...(name === undefined ? {} : { name }),
    status: statusOf(campaign),
    can:
      endedAt !== undefined
        ? []
        : status === 'running'
          ? ['pause', 'cancel']
          : status === 'paused'
            ? ['resume', 'cancel']
            : [],
    recipients,
    released: sent,
    chunks: { all: chunks, released },
    accepted: time,
    starts: startsAt,
    ...(endedAt === undefined ? {} : { ended: endedAt }),
    ...(runs ? { perSecond, endsAbout: now + ((recipients - sent) / perSecond) * 1000 } : {}),
  };
}

/** For how long a running campaign has run so far, without its pauses. */
function ranMs({ time, startsAt, history }: Campaign, now: number): number {
  const begun = Math.max(time, startsAt);
  let since = begun;
  let ran = 0;
  for (const { at, event } of history) {
    if (event === 'paused') ran += Math.max(0, at - since);
    if (event === 'resumed') since = Math.max(begun, at);
  }
  return ran + now - since;
}

/** All released chunks but the last of the campaign are full. */
function releasedRecipients(campaign: Campaign): number {
  const { released, chunkSize, chunks } = campaign;
  if (released === 0) return 0;
  return released < chunks ? released * chunkSize : (chunks - 1) * chunkSize + chunkRecipients(campaign, chunks - 1);
}
