import type { Campaign } from '../emails/campaigns/campaign';
import type { CampaignReport } from '../emails/report';

/** A campaign's state as people read it, e.g. `paused (SendgridRejected)`. */
export const statusOf = ({ status, reason }: { status: string; reason?: string | undefined }): string =>
  reason === undefined ? status : `${status} (${reason})`;

/** A campaign as JSON shows it. */
export const campaignView = (campaign: Campaign) => ({
  id: campaign.id,
  name: campaign.name,
  status: campaign.status,
  reason: campaign.reason,
  recipients: campaign.recipients,
  chunks: { all: campaign.chunks, released: campaign.released },
  accepted: isoText(campaign.time),
  starts: isoText(campaign.startsAt),
  ended: isoText(campaign.endedAt),
  history: campaign.history.map(({ at, ...entry }) => ({ at: isoText(at), ...entry })),
});

const isoText = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

/** The outcomes of a campaign's recipients, as operators read them. Each recipient is of one of these kinds. */
export const RECIPIENT_WORDS = {
  accepted: 'accepted',
  refused: 'refused',
  unknown: 'unknown',
  cancelled: 'cancelled',
  underWay: 'under way',
  paused: 'paused',
  notReleased: 'not released',
} as const satisfies Partial<Record<keyof CampaignReport, string>>;
