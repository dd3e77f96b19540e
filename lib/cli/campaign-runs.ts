import { type Campaign, type CampaignStatus, type Campaigns, campaigns } from '../emails/campaigns/campaign';
import { EMAIL_CAMPAIGN, EMAILS_QUEUE } from '../emails/message';
import { campaignReport } from '../emails/report';
import { jobKey } from '../jobs/keys';
import type { Updated } from '../jobs/ledger';
import { isEnd } from '../jobs/row';
import { auditNote } from '../ops/audit-trail';
import { campaignsNotEnded, campaignsOfDay } from '../ops/campaign-find';
import type { Reader } from '../ops/operator';
import { OperatorError, stateOf } from '../ops/operator';
import { campaignLines, campaignView, reportLines, statusOf } from './campaign-text';
import type { Run } from './command';
import { DEFAULT_LIMIT } from './commands';
import { count, day, required } from './options';

/** What `sls campaign …` does. */
export const campaignRuns = {
  'campaign list': async ({ options, out, reader }) => {
    const at = day(options, 'day');
    const limit = count(options, 'limit', DEFAULT_LIMIT);
    const from = await reader();
    const found = await (at === undefined ? campaignsNotEnded(from) : campaignsOfDay(from, at));
    const listed = found.campaigns.slice(0, limit);
    const more = found.more || listed.length < found.campaigns.length;
    if (options.json) out.json({ campaigns: listed.map(campaignView), more });
    else for (const line of listed.length === 0 ? ['No campaigns.'] : campaignLines(listed)) out.line(line);
    if (more) out.note('There are more: name a --day, or raise --limit.');
  },

  'campaign report': async ({ options, out, reader, sls }) => {
    const from = await reader();
    const id = required(options, 'id');
    const report = await campaignReport(from, await readCampaign(from, id));
    if (options.json) out.json(report);
    else for (const line of reportLines(report, sls)) out.line(line);
  },

  'campaign pause': decide(
    (store, id, note) => store.pause(id, 'operator', note),
    'paused',
    'a running campaign can be paused',
  ),
  'campaign resume': decide((store, id, note) => store.resume(id, note), 'running', 'a paused campaign can be resumed'),
  'campaign cancel': decide(
    (store, id, note) => store.cancel(id, note),
    'cancelled',
    'a running or paused campaign can be cancelled',
  ),
} satisfies Record<string, Run>;

/** A command that changes a campaign's status. To repeat it is no error, and to come too late is one. */
function decide(
  change: (store: Campaigns, id: string, note: string) => Promise<Updated<Campaign>>,
  must: CampaignStatus,
  only: string,
): Run {
  return async ({ options, out, reader, audited }) => {
    const from = await reader();
    const before = await readCampaign(from, required(options, 'id'));
    const note = auditNote({ audit: await audited() });
    const after = (await change(campaigns(from), before.id, note)).item ?? before;
    if (after.status !== must) throw new OperatorError(`${after.id} is ${statusOf(after)}: only ${only}.`);
    out.line(`campaign ${after.id}: was ${statusOf(before)}, is ${statusOf(after)}.`);
  };
}

/** The campaign. If there is none, the error says whether one of this id was accepted and has not begun. */
async function readCampaign(from: Reader, id: string): Promise<Campaign> {
  const campaign = await campaigns(from).read(id);
  if (campaign) return campaign;
  const row = await from.ledger.get(jobKey(EMAILS_QUEUE, id));
  if (row?.type !== EMAIL_CAMPAIGN)
    throw new OperatorError(`There is no campaign ${id}: one is kept 45 days after its end.`);
  const [then, next] = isEnd(row.state)
    ? ['See why', `jobs show ${id}`]
    : ['Look again, or cancel it', `jobs cancel ${id}`];
  throw new OperatorError(`Campaign ${id} has not begun, its job is ${stateOf(row)}. ${then}:`, next);
}
