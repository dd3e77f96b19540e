import { throughAll } from '../../concurrency';
import { readItem, SHARE } from '../../jobs/items';
import { CAMPAIGN_QUEUE, rateKey, todoKey } from '../../jobs/keys';
import type { Due } from '../../ports';
import { type RateItem, takenMs } from '../../worker/rate';
import { type Campaign, campaigns, chunkRecipients, EXPIRED, hasExpired } from './campaign';
import { AT_ONCE, type CampaignReleaseDeps, type Looked, look, missEvents, releaseChunk } from './look';

/** Released chunks reach the senders some time later. Without this extra work the senders would be idle until then. */
const AHEAD_MS = 3_000;
/** The work that one campaign may have open, so that chunks that keep failing do not pile up. */
const MOST_OPEN_SECONDS = 20;
/** The time of a look that goes into reading. The rest is for releasing. */
const READING_MS = 8_000;

/** Where the run's next look starts, if a look had no time to read every campaign. */
export interface Place {
  after?: Due | undefined;
}

/** Releases chunks of all campaigns in turn, enough until the next look. Returns whether there is more to do soon. */
export async function releaseCampaigns(
  deps: CampaignReleaseDeps,
  { mayGoOn, nextLookMs, place }: { mayGoOn: () => boolean; nextLookMs: number; place: Place },
): Promise<boolean> {
  if (!deps.queueNames.includes(CAMPAIGN_QUEUE)) return false;
  const { clock } = deps;
  const begun = clock.now();
  const todo = todoKey(CAMPAIGN_QUEUE, 'campaign');
  const running: Looked[] = [];
  const ended: Campaign[] = [];
  let waiting = 0;
  const mayRead = () => mayGoOn() && clock.now() < begun + READING_MS;
  const read = async (key: string) => {
    const item = await readItem(deps, key);
    if (item?.todo !== todo || (item.todoAt ?? 0) > begun) return;
    const campaign = item as Campaign;
    const { id, status, reason } = campaign;
    if (status === 'paused' && reason !== 'operator')
      await deps.report({ kind: 'campaign-paused', subject: id, code: reason });
    if (campaign.endedAt !== undefined) {
      ended.push(campaign);
      return;
    }
    const looked = await look(deps, hasExpired(campaign, clock) ? await expire(deps, campaign) : campaign);
    waiting += looked.waiting;
    if (looked.campaign.status === 'running') running.push(looked);
  };
  const steps = [
    () => throughAll(pages(deps, { todo, until: begun, place, mayRead }), (keys) => throughAll(keys, read, AT_ONCE)),
    async () => {
      // The next look will need the same time for reading.
      const nextMs = nextLookMs + (clock.now() - begun) + AHEAD_MS;
      if (running.length > 0) await releaseInTurn(deps, { running, waiting, nextMs, mayGoOn });
    },
    () => throughAll(ended, async (campaign) => mayGoOn() && missEvents(deps, campaign, mayGoOn)),
  ];
  // A campaign that cannot be read or released does not hold back the others.
  await throughAll(steps, (step) => step());
  return place.after !== undefined || running.some(({ campaign, open }) => open > 0 || hasMore(campaign));
}

async function expire(deps: CampaignReleaseDeps, campaign: Campaign): Promise<Campaign> {
  await deps.report({ kind: 'campaign-expired', subject: campaign.id });
  const { changed, item = campaign } = await campaigns(deps).expire(campaign.id);
  if (changed) deps.log.error('a campaign has expired', { campaign: campaign.id, code: EXPIRED });
  return item;
}

async function* pages(
  { table, share = SHARE }: CampaignReleaseDeps,
  { todo, until, place, mayRead }: { todo: string; until: number; place: Place; mayRead: () => boolean },
): AsyncGenerator<string[]> {
  do {
    const page = await table.due(todo, { until, after: place.after, limit: share });
    place.after = page.length < share ? undefined : page.at(-1);
    yield page.map(({ key }) => key);
  } while (place.after && mayRead());
}

const hasMore = ({ released, chunks }: Campaign): boolean => released < chunks;

/** Releases chunks until the senders have work for `nextMs`. One chunk may exceed that, whatever its size. */
async function releaseInTurn(
  deps: CampaignReleaseDeps,
  { running, waiting, nextMs, mayGoOn }: { running: Looked[]; waiting: number; nextMs: number; mayGoOn: () => boolean },
): Promise<void> {
  const { rate, taken } = await rateOf(deps);
  const mayRelease = ({ campaign, open }: Looked) => hasMore(campaign) && open < rate * MOST_OPEN_SECONDS;
  const contenders = new Set(running.filter(mayRelease));
  let reached = reachedBy(running.map(({ campaign }) => campaign));
  let ahead = waiting;

  function* turns(): Generator<Looked> {
    while (mayGoOn() && taken + (ahead / rate) * 1000 < nextMs) {
      const next = nextOf(contenders, reached);
      if (!next) return;
      // If the release fails, the next look tries again. The campaign must not keep the turn.
      contenders.delete(next);
      yield next;
    }
  }
  await throughAll(turns(), async ({ campaign, open }) => {
    const recipients = chunkRecipients(campaign, campaign.released);
    reached = nextTurn(campaign, reached);
    ahead += recipients;
    const after = await releaseChunk(deps, campaign, reached);
    const next = after?.status === 'running' && { campaign: after, open: open + recipients, waiting: 0 };
    if (next && mayRelease(next)) contenders.add(next);
  });
}

/** Reads the senders' rate and how much of it is taken. Before the first send, a rate of 1 lets one chunk go. */
async function rateOf(deps: CampaignReleaseDeps): Promise<{ rate: number; taken: number }> {
  const stored = (await readItem(deps, rateKey('sendgrid'))) as RateItem | undefined;
  return { rate: stored?.rate || 1, taken: stored ? takenMs(stored, deps.clock.now()) : 0 };
}

/*
 * Decides which campaign's chunk is next: start-time fair queueing, counted in recipients. A chunk's turn is the number
 * of recipients that its campaign released before it. The lowest turn is next, so all campaigns get the same number of
 * recipients, whatever the sizes of their chunks.
 */

export const reachedBy = (campaigns: readonly Campaign[]): number =>
  campaigns.reduce((reached, { turn = 0 }) => Math.max(reached, turn), 0);

/** The turn of the next chunk, at least what others have reached, so that no new or resumed campaign sends alone. */
export const nextTurn = ({ turn, chunkSize }: Campaign, reached: number): number =>
  turn === undefined ? reached : Math.max(reached, turn + chunkSize);

/** The campaign whose chunk is next. At the same turn, one that has released nothing is first, then a small chunk. */
export function nextOf<T extends { campaign: Campaign }>(contenders: Iterable<T>, reached: number): T | undefined {
  const order = (a: Campaign, b: Campaign): number =>
    nextTurn(a, reached) - nextTurn(b, reached) ||
    Math.min(a.released, 1) - Math.min(b.released, 1) ||
    chunkRecipients(a, a.released) - chunkRecipients(b, b.released) ||
    a.startsAt - b.startsAt;
  let first: T | undefined;
  for (const one of contenders) if (!first || order(one.campaign, first.campaign) < 0) first = one;
  return first;
}
