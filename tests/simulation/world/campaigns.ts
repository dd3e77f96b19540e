import { jobKey } from '../../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import { heldNow, type RateItem, rateKey } from '../../../lib/mail/rate';
import { suppressKey } from '../../../lib/mail/suppression';
import type { ItemHead } from '../../../lib/platform/ports';
import { type Campaign, chunkId, chunkRecipients } from '../../../lib/queues/emails/campaigns/campaign';
import { campaignKey, EMAILS_QUEUE } from '../../../lib/queues/emails/queue';
import { hashed } from '../../support/hash-people';
import { skewOf } from '../draw/plan';
import { addressesOf } from '../queues/campaigns';
import type { World } from './types';

export const isCampaign = (item: ItemHead): item is Campaign => item.key.startsWith(campaignKey(''));

/** The stored campaigns, in the order in which they began. */
export const campaignsOf = ({ watch }: Pick<World, 'watch'>): Campaign[] =>
  Array.from<ItemHead>(watch.items.values()).filter(isCampaign);

export const chunkRow = ({ watch }: World, { id }: Pick<Campaign, 'id'>, number: number): JobRow | undefined =>
  watch.row(jobKey(EMAILS_QUEUE, chunkId(id, number)));

/** Whether the chunk waits because its campaign is paused. An operator must then resume it. */
export function isPaused({ watch }: World, { state, reason, parent: id = '' }: JobRow): boolean {
  const campaign = watch.items.get(campaignKey(id));
  const isHeld = state === 'held' && reason === 'paused';
  return isHeld && campaign !== undefined && campaign.status === 'paused';
}

/** Whether only an operator can resolve the job's step, because no evidence has come. */
export const isUnknown = ({ state, reason, evidence }: JobRow): boolean =>
  state === 'held' && reason === 'unknown' && evidence === undefined;

/**
 * Why a campaign is not at rest. An ended or paused campaign is at rest, and so is one that waits for an operator to
 * resolve a chunk.
 */
export function campaignUnrest(world: World): string[] {
  if (!world.queue.controlled) return [];
  return campaignsOf(world).flatMap((campaign) => {
    const { id, status, released, chunks, open, endedAt, eventsChecked } = campaign;
    if (endedAt !== undefined)
      return eventsChecked ? [] : [`the reconciler has not checked the events of campaign ${id}`];
    const rows = open.map((number) => chunkRow(world, campaign, number));
    if (!isBehind(world, campaign) && (status === 'paused' || rows.every((row) => row && waitsForPerson(world, row))))
      return [];
    return [`campaign ${id} is ${status}, ${released} of ${chunks} chunks released, ${open.join()} open`];
  });
}

/** Whether a person must settle a step of the chunk, or restore its row. */
const waitsForPerson = ({ watch }: World, row: JobRow): boolean => isUnknown(row) || watch.broken.has(row.key);

/** The next time at which the reconciler may have work for a campaign. It deletes lists at full hours only. */
export const nextLook = (world: World, fullHour: number): number =>
  campaignsOf(world).reduce(
    (earliest, campaign) => Math.min(earliest, lookAt(world, campaign, fullHour)),
    Number.POSITIVE_INFINITY,
  );

function lookAt(world: World, campaign: Campaign, fullHour: number): number {
  const { todoAt, endedAt } = campaign;
  if (todoAt === undefined) return Number.POSITIVE_INFINITY;
  if (endedAt !== undefined) return Math.max(todoAt, fullHour);
  return isBehind(world, campaign) ? Math.max(todoAt, releasedAt(world, campaign)) : Number.POSITIVE_INFINITY;
}

/** When the next chunk may go, if the reconciler has nothing but that to do. */
function releasedAt(world: World, campaign: Campaign): number {
  const { id, released, chunks, open, status } = campaign;
  const { plan, kernel, watch, heldUntil } = world;
  if (!plan.sending || status !== 'running' || released === chunks) return 0;
  if (open.some((number) => isEnd(chunkRow(world, campaign, number)?.state ?? 'dead'))) return 0;
  const now = kernel.now() + skewOf(plan);
  const rate = watch.items.get(rateKey('sendgrid')) as RateItem | undefined;
  // The reconciler counts the chunks that wait for a slot.
  const waiting = open.filter((number) => chunkRow(world, campaign, number)?.reason === 'throttled');
  const key = [id, released, waiting, rate?.countedAt, rate?.sent].join();
  const until = heldUntil.get(key) ?? 0;
  if (until > now) return until - skewOf(plan);
  const ahead = waiting.reduce((sum, number) => sum + chunkRecipients(campaign, number), 0);
  const held = heldNow(plan.sending, rate, { now, recipients: chunkRecipients(campaign, released), ahead });
  if (held) heldUntil.set(key, held.until);
  return held ? held.until - skewOf(plan) : 0;
}

/** Whether the campaign has not yet counted its ended chunks, or has more chunks to release. */
function isBehind(world: World, campaign: Campaign): boolean {
  const { status, released, chunks, open } = campaign;
  const isOut = status === 'cancelled' || released === chunks;
  if (isOut ? open.length === 0 : status === 'running') return true;
  const next = chunkRow(world, campaign, released);
  return (
    (next !== undefined && !world.watch.broken.has(next.key)) ||
    open.some((number) => isEnd(chunkRow(world, campaign, number)?.state ?? 'queued'))
  );
}

/**
 * Between its last look at the campaign and its effect, a request makes two calls: a step's write and the call to
 * SendGrid, which may land late.
 */
const UNDER_WAY_MS = 45_000;
/** The same bound for runs in which every call is answered. */
const SOON_MS = 5_000;

/**
 * Checks every request against the stored campaign: no chunk before the start time, and no new chunk after a stop. A
 * suppressed address is never mailed in a chunk that began after its entry. Also checks that a campaign does not end
 * before its chunks, and that none is sent outside of the window or above the daily cap.
 */
export function watchCampaigns(world: World): void {
  const { kernel, watch, reach, reached, onItem, onMails, onRow, suppressed } = world;
  if (!world.queue.controlled) return;
  /** `underWay`: ids of chunks that may be at SendGrid by then. */
  const stops = new Map<string, { at: number; underWay: ReadonlySet<string> }>();
  const begun = new Map<string, { token: string; at: number }>();
  const checkLimits = limitsCheck(world);
  const noted = new Map(
    world.plan.jobs.flatMap((spec, index) => addressesOf(spec, index).map((email) => [noteOf(email), email] as const)),
  );
  onItem.push((item, last) => {
    const { key, todo } = item;
    const email = noted.get(key);
    if (email === undefined || todo !== undefined || !last) return;
    reach('noted address in the list');
    if ((item as { reason?: string }).reason === 'resubscribed') suppressed.delete(email);
    else suppressed.set(email, Math.min(suppressed.get(email) ?? kernel.now(), kernel.now()));
  });
  onRow.push(({ id, lease }) => {
    if (lease && begun.get(id)?.token !== lease.token) begun.set(id, { token: lease.token, at: kernel.now() });
  });
  onItem.push((item) => {
    if (!isCampaign(item)) return;
    const { id, status, reason } = item;
    reach(`campaign ${status}${reason ? `(${reason})` : ''}`);
    const left = item.endedAt === undefined ? undefined : firstLeft(item);
    if (left !== undefined) watch.violated(`campaigns are kept: campaign ${id} ended before chunk ${left}`);
    if (status !== 'paused' && status !== 'cancelled') stops.delete(id);
    else if (!stops.has(id)) stops.set(id, { at: kernel.now(), underWay: underWay(id) });
  });
  onMails.push((mails) => {
    const { campaign: id = '', job = '' } = mails[0]?.customArgs ?? {};
    const late = mails.some(({ to }) => (suppressed.get(to[0] ?? '') ?? Infinity) < (begun.get(job)?.at ?? 0));
    if (late) watch.violated(`suppressed is never mailed: chunk ${job} began after an entry and mailed its address`);
    const campaign: ItemHead | undefined = watch.items.get(campaignKey(id));
    if (!campaign || !isCampaign(campaign)) return;
    const now = kernel.now();
    if (now < campaign.startsAt - skewOf(world.plan))
      watch.violated(`campaigns are kept: chunk ${job} was sent before its campaign begins`);
    const most = reached.has('doubt') ? UNDER_WAY_MS : SOON_MS;
    const unwanted = checkLimits(mails.length, most);
    if (unwanted) watch.violated(`campaigns are kept: chunk ${job} was sent ${unwanted}`);
    const stop = stops.get(id);
    if (!stop) return;
    reach('chunk accepted though its campaign was stopped');
    if (!stop.underWay.has(job) || now - stop.at > most)
      watch.violated(`campaigns are kept: chunk ${job} was sent ${now - stop.at} ms after its campaign was stopped`);
  });

  /** A campaign does not wait for a chunk that an operator reopened after its end. */
  function firstLeft(campaign: Campaign): number | undefined {
    const released = Array.from({ length: campaign.released }, (_, number) => number);
    return released.find((number) => {
      const row = chunkRow(world, campaign, number);
      return row && !isEnd(row.state) && row.generation === 1;
    });
  }

  function underWay(campaign: string): Set<string> {
    const rows = watch.rows().filter((row) => row.parent === campaign);
    return new Set(rows.filter(({ state, steps }) => state === 'processing' || steps.send).map(({ id }) => id));
  }
}

/** The key of the note about an address. */
const noteOf = (email: string): string => suppressKey(String(BigInt(`0x${hashed(email)[0].slice(0, 16)}`) & ~7n));

/** Finds a chunk that is accepted outside of the window or above the cap. Near midnight its day is not sure. */
function limitsCheck({ plan, kernel }: World): (recipients: number, lateMs: number) => string | undefined {
  const { zone: timeZone, between, dailyCap = Number.POSITIVE_INFINITY } = plan.sending ?? { zone: 'UTC' };
  const [from = '', to = ''] = between?.split('–') ?? [];
  const times = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'short' });
  const days = new Intl.DateTimeFormat('en-GB', { timeZone });
  const clock = (at: number) => times.format(at);
  const dayOf = (at: number) => days.format(at);
  const isOpen = (time: string) => (from <= to ? time >= from && time < to : time >= from || time < to);
  /** By day: when each chunk took effect, and its recipients. */
  const sent = new Map<string, { at: number; recipients: number }[]>();
  const sum = (all: readonly { recipients: number }[]) => all.reduce((total, one) => total + one.recipients, 0);
  return (recipients, lateMs) => {
    const now = kernel.now();
    const [first, last] = [now - lateMs - skewOf(plan), now + skewOf(plan)];
    if (between && ![first, now, last].map(clock).some(isOpen)) return `at ${clock(now)}, not between ${between}`;
    const day = dayOf(now);
    if (dayOf(first) !== dayOf(last)) return undefined;
    const before = sent.get(day) ?? [];
    const all = [...before, { at: now, recipients }];
    sent.set(day, all);
    // A call may take effect after a later one, so of these only the order of their slots was right.
    const surely = sum(all.filter(({ at }) => at < now - lateMs));
    const recent = all.filter(({ at }) => at >= now - lateMs);
    // A chunk that is larger than the cap goes if the cap is not used up.
    const small = recent.filter((one) => one.recipients <= dailyCap);
    const large = recent.length - small.length;
    const isOver = surely + sum(small) + Math.min(large, 1) > dailyCap || large > 1;
    return isOver ? `after ${sum(before)} of at most ${dailyCap} recipients of its day` : undefined;
  };
}
