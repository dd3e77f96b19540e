import { everyDue, type SearchPosition } from '../../../engine/jobs/items';
import { todoKey } from '../../../engine/jobs/keys';
import { heldNow, rateKey, rates, takenMs } from '../../../mail/rate';
import { throughAll } from '../../../platform/concurrency';
import { EMAILS_QUEUE } from '../queue';
import { type Campaign, campaigns, chunkRecipients, EXPIRED, hasExpired, readCampaign } from './campaign';
import {
  AT_ONCE,
  type CampaignReleaseDeps,
  type Counted,
  checkEvents,
  countChunks,
  releaseChunk,
  reportDamage,
} from './chunks';

/**
 * Released chunks reach the workers some time later, and this extra work keeps the workers busy until then. A single mail
 * waits for it in the queue.
 */
const AHEAD_MS = 1_000;
/** The work that one campaign may have open, so that chunks that keep failing do not pile up. */
const MOST_OPEN_SECONDS = 20;
/** The time for reading campaigns. The rest is for releasing. */
const READING_MS = 8_000;

/**
 * Releases chunks of all campaigns side by side, enough for the workers until the next poll in `nextMs`. Returns
 * whether there is more to do soon. A campaign that fails does not hold back the others.
 */
export async function releaseCampaigns(
  deps: CampaignReleaseDeps,
  { mayGoOn, nextMs, position }: { mayGoOn: () => boolean; nextMs: number; position: SearchPosition },
): Promise<boolean> {
  const { clock } = deps;
  const begun = clock.now();
  const todo = todoKey(EMAILS_QUEUE, 'campaign');
  const running: Counted[] = [];
  let waiting = 0;
  const mayRead = () => mayGoOn() && clock.now() < begun + READING_MS;
  const read = async (key: string) => {
    const campaign = await readCampaign(deps, key);
    if (campaign?.todo !== todo || (campaign.todoAt ?? 0) > begun) return;
    const { id, status, reason } = campaign;
    if (status === 'paused' && reason !== 'operator')
      await deps.report({ kind: 'campaign-paused', subject: id, code: reason, note: pauseNote(campaign) });
    if (campaign.endedAt !== undefined) return checkEvents(deps, campaign);
    const counted = await countChunks(deps, hasExpired(campaign, clock) ? await expire(deps, campaign) : campaign);
    waiting += counted.waiting;
    if (counted.campaign.status === 'running') running.push(counted);
  };
  let isHeld = false;
  try {
    const pages = everyDue(deps, { todo, mayGoOn: mayRead, position });
    await throughAll(pages, (keys) => throughAll(keys, (key) => read(key).catch(reportDamage(deps)), AT_ONCE));
  } finally {
    // The next poll will need the same time for reading.
    isHeld = await releaseFairly(deps, { running, waiting, forMs: nextMs + (clock.now() - begun) + AHEAD_MS, mayGoOn });
  }
  // The run of the next minute looks again.
  return (
    position.after !== undefined || (!isHeld && running.some(({ campaign, open }) => open > 0 || hasMore(campaign)))
  );
}

/** The note of each pause differs. Otherwise the chat would not get a second pause, whose fact is already on. */
const pauseNote = ({ why, round }: Campaign): string | undefined =>
  [why, round > 0 && `pause ${round + 1}`].filter(Boolean).join(', ') || undefined;

async function expire(deps: CampaignReleaseDeps, campaign: Campaign): Promise<Campaign> {
  await deps.report({ kind: 'campaign-expired', subject: campaign.id });
  const { changed, item = campaign } = await campaigns(deps).expire(campaign.id);
  if (changed) deps.log.error('a campaign has expired', { campaign: campaign.id, code: EXPIRED });
  return item;
}

const hasMore = ({ released, chunks }: Campaign): boolean => released < chunks;

/**
 * Releases chunks until the workers have work for `forMs`. One chunk may exceed that, whatever its size. `true`: none may
 * be sent now, because of the window or the cap.
 */
async function releaseFairly(
  deps: CampaignReleaseDeps,
  { running, waiting, forMs, mayGoOn }: { running: Counted[]; waiting: number; forMs: number; mayGoOn: () => boolean },
): Promise<boolean> {
  if (running.length === 0) return false;
  const { clock, limits } = deps;
  let isHeld = false;
  const stored = await rates.read(deps, rateKey('sendgrid'));
  // Before the first send, a rate of 1 lets one chunk go.
  const rate = stored?.rate || 1;
  const taken = stored ? takenMs(stored, clock.now()) : 0;
  const mayRelease = ({ campaign, open, room }: Counted) =>
    hasMore(campaign) && open < rate * MOST_OPEN_SECONDS && chunkRecipients(campaign, campaign.released) <= room;
  const contenders = new Set(running.filter(mayRelease));
  let time = virtualTime(running.map(({ campaign }) => campaign));
  let ahead = waiting;

  function* chosen(): Generator<Counted> {
    while (mayGoOn() && taken + (ahead / rate) * 1000 < forMs) {
      const next = nextOf(contenders, time);
      if (!next) return;
      const recipients = chunkRecipients(next.campaign, next.campaign.released);
      isHeld = heldNow(limits, stored, { now: clock.now(), recipients, ahead }) !== undefined;
      if (isHeld) return;
      // If its release fails, the campaign must not be chosen again before the next poll.
      contenders.delete(next);
      yield next;
    }
  }
  await throughAll(chosen(), async ({ campaign, open, room }) => {
    const recipients = chunkRecipients(campaign, campaign.released);
    time = nextStartTag(campaign, time);
    ahead += recipients;
    const after = await releaseChunk(deps, campaign, time);
    if (after?.status !== 'running') return;
    const next = { campaign: after, open: open + recipients, waiting: 0, room: room - recipients };
    if (mayRelease(next)) contenders.add(next);
  });
  return isHeld;
}

/*
 * Start-time fair queueing, counted in recipients (Goyal, Vin, Cheng 1997). A chunk's start tag is the number of
 * recipients that its campaign released before it. The lowest tag is next, whatever the sizes of the chunks. The virtual
 * time is the highest tag so far. A new or resumed campaign starts there, so that it does not send alone for long.
 */

const virtualTime = (campaigns: readonly Campaign[]): number =>
  campaigns.reduce((time, { startTag = 0 }) => Math.max(time, startTag), 0);

export const nextStartTag = ({ startTag, chunkSize }: Campaign, time: number): number =>
  startTag === undefined ? time : Math.max(time, startTag + chunkSize);

/** The campaign whose chunk is next. At the same tag, one that has released nothing is first, then a small chunk. */
export function nextOf<T extends { campaign: Campaign }>(contenders: Iterable<T>, time: number): T | undefined {
  const order = (a: Campaign, b: Campaign): number =>
    nextStartTag(a, time) - nextStartTag(b, time) ||
    Math.min(a.released, 1) - Math.min(b.released, 1) ||
    chunkRecipients(a, a.released) - chunkRecipients(b, b.released) ||
    a.startsAt - b.startsAt;
  let first: T | undefined;
  for (const one of contenders) if (!first || order(one.campaign, first.campaign) < 0) first = one;
  return first;
}
