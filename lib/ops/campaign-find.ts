import { eachOf } from '../concurrency';
import type { Campaign } from '../emails/campaigns/campaign';
import { CAMPAIGN_QUEUE, campaignHourKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import type { Reader } from './operator';

/** Campaigns, the one that was accepted last first, and whether there are more. */
export interface FoundCampaigns {
  campaigns: Campaign[];
  more: boolean;
}

const HOUR_MS = 3_600_000;
const HOURS = 24;
/** The most that are looked at. */
const MOST_LOOKED_AT = 1_000;
const AT_ONCE = 16;

/** Campaigns that have not ended, those included that are to begin later. */
export async function campaignsNotEnded(reader: Reader): Promise<FoundCampaigns> {
  const todo = todoKey(CAMPAIGN_QUEUE, 'campaign');
  const due = await reader.table.due(todo, { until: Number.MAX_SAFE_INTEGER, limit: MOST_LOOKED_AT });
  const campaigns = await read(
    reader,
    due.map(({ key }) => key),
  );
  // An ended one is looked at once more, for the vendor's events.
  return {
    campaigns: campaigns.filter(({ endedAt }) => endedAt === undefined),
    more: due.length === MOST_LOOKED_AT,
  };
}

/** Campaigns that were accepted on the UTC day that begins then. */
export async function campaignsOfDay(reader: Reader, day: number): Promise<FoundCampaigns> {
  const hours = Array.from({ length: HOURS }, (_, hour) => campaignHourKey(day + hour * HOUR_MS));
  const keys = await Promise.all(hours.map((hour) => reader.table.hour(hour, { limit: MOST_LOOKED_AT })));
  return {
    campaigns: await read(reader, keys.flat()),
    more: keys.some(({ length }) => length === MOST_LOOKED_AT),
  };
}

async function read(reader: Reader, keys: readonly string[]): Promise<Campaign[]> {
  const campaigns: Campaign[] = [];
  await eachOf(keys, AT_ONCE, async (key) => {
    const campaign = (await readItem(reader, key)) as Campaign | undefined;
    if (campaign) campaigns.push(campaign);
  });
  return campaigns.sort((a, b) => b.time - a.time || (a.id < b.id ? -1 : 1));
}
