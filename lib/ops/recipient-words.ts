import type { CampaignReport } from '../emails/report';

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
