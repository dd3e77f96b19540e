import type { CampaignReport } from '../emails/report';

/** A campaign's state as people read it, e.g. `paused (SendgridRejected)`. */
export const statusOf = ({ status, reason }: { status: string; reason?: string | undefined }): string =>
  reason === undefined ? status : `${status} (${reason})`;

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
