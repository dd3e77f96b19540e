import { type Campaign, NO_REPORTS } from '../../lib/queues/emails/campaigns/campaign';
import { campaignKey } from '../../lib/queues/emails/queue';

/** A running campaign with all that a campaign may have. */
export const wholeCampaign = (id: string, changes: Partial<Campaign> = {}): Campaign => ({
  ...{ key: campaignKey(id), version: 1, writer: 'test', id, source: 'mht-api', time: 1, startsAt: 1, name: 'Spring' },
  manifest: { key: `jobs/_campaigns/${id}/manifest`, sha256: 'a'.repeat(64) },
  ...{ requested: 9_000, duplicates: 0, rejected: 0, recipients: 9_000, chunks: 9, chunkSize: 100 },
  ...{ status: 'running', round: 0, reports: [NO_REPORTS], wave: { from: 0, again: [], mails: 0 } },
  ...{ ended: { since: 0, chunks: 0, refused: 0 }, sent: [], released: 0, open: [], startTag: 0, refusals: 0 },
  history: [],
  ...changes,
});
