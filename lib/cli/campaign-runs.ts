import { campaignReport } from '../emails/report';
import { campaignView, statusOf } from '../ops/campaign-view';
import {
  type CampaignDecision,
  campaignsNotEnded,
  campaignsOfDay,
  decideCampaign,
  findCampaign,
} from '../ops/campaigns';
import { campaignLines, reportLines } from './campaign-text';
import type { Run } from './command';
import { DEFAULT_LIMIT } from './commands';
import { count, day, required } from './options';

export const campaignRuns = {
  'campaign list': async ({ options, out, reader }) => {
    const at = day(options, 'day');
    const limit = count(options, 'limit', DEFAULT_LIMIT);
    const from = await reader();
    const found = await (at === undefined ? campaignsNotEnded(from) : campaignsOfDay(from, at));
    const listed = found.campaigns.slice(0, limit);
    const more = found.more || listed.length < found.campaigns.length;
    if (options.json) out.json({ campaigns: listed.map(campaignView), more });
    else out.lines(campaignLines(listed));
    if (more) out.note('There are more: name a --day, or raise --limit.');
  },

  'campaign report': async ({ options, out, reader, sls }) => {
    const from = await reader();
    const id = required(options, 'id');
    const report = await campaignReport(from, await findCampaign(from, id));
    if (options.json) out.json(report);
    else out.lines(reportLines(report, sls));
  },

  'campaign pause': decide('pause'),
  'campaign resume': decide('resume'),
  'campaign cancel': decide('cancel'),
} satisfies Record<string, Run>;

function decide(what: CampaignDecision): Run {
  return async ({ options, out, reader, audited }) => {
    const { before, after } = await decideCampaign(await reader(), required(options, 'id'), what, audited);
    out.line(`campaign ${after.id}: was ${statusOf(before)}, is ${statusOf(after)}.`);
  };
}
