import { eachOf, throughAll } from '../../concurrency';
import { everyDue, isFirstMinuteOfHour, readItem } from '../../jobs/items';
import { EMAILS_QUEUE, todoKey } from '../../jobs/keys';
import { isEnd, type JobRow } from '../../jobs/row';
import { campaignKeys } from '../manifest';
import { type Campaign, campaigns, releasedPages } from './campaign';
import { type CampaignReleaseDeps, rowsOf } from './chunks';

type DropListsDeps = Omit<CampaignReleaseDeps, 'report'>;

const WITH_LISTS = todoKey(EMAILS_QUEUE, 'lists');
const AGAIN_MS = 24 * 3_600_000;
const OBJECTS = 1_000;
const ROWS = 500;
const AT_ONCE = 32;

/**
 * Deletes the recipients, the rejected lines and the content of campaigns whose row goes now. If a chunk can still
 * be retried, it tries again a day later. A run that dies or has no time left leaves the rest to the next run. It works
 * once an hour, because no list is urgent.
 */
export async function dropLists(deps: DropListsDeps, mayGoOn: () => boolean): Promise<void> {
  if (!deps.queueNames.includes(EMAILS_QUEUE) || !isFirstMinuteOfHour(deps.clock)) return;
  const drop = async (key: string) => {
    const campaign = (await readItem(deps, key)) as Campaign | undefined;
    if (campaign?.todo === WITH_LISTS && (campaign.todoAt ?? 0) <= deps.clock.now())
      await dropList(deps, campaign, mayGoOn);
  };
  await throughAll(everyDue(deps, { todo: WITH_LISTS, mayGoOn }), (keys) => throughAll(keys, drop));
}

async function dropList(deps: DropListsDeps, campaign: Campaign, mayGoOn: () => boolean): Promise<void> {
  const { clock, objects, prefix } = deps;
  for (const numbers of releasedPages(campaign, ROWS)) {
    if (!mayGoOn()) return;
    const rows = await rowsOf(deps, campaign, numbers);
    if (![...rows.values()].some(mayNeedList)) continue;
    await campaigns(deps).change(campaign.id, (now) => ({ ...now, listsAt: clock.now() + AGAIN_MS }), campaign);
    return;
  }
  const { home } = campaignKeys(prefix, campaign.id);
  for (let keys = [home]; keys.length > 0; ) {
    if (!mayGoOn()) return;
    keys = await objects.list(home, { limit: OBJECTS });
    await eachOf(keys, AT_ONCE, (key) => objects.delete(key));
  }
  await campaigns(deps).change(campaign.id, (now) => ({ ...now, listsDropped: true }), campaign);
}

/** An ended chunk can be retried as long as its body is kept. */
const mayNeedList = (row: JobRow | undefined): boolean =>
  row !== undefined && (!isEnd(row.state) || row.bodyKept === true);
