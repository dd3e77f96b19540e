import { type Campaign, chunkId } from '../../../lib/emails/campaigns/campaign';
import { campaignKey, EMAILS_QUEUE, jobKey } from '../../../lib/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/jobs/row';
import type { Item } from '../../../lib/ports';
import { skewOf } from '../draw/plan';
import type { World } from './types';
import { isUnknown } from './unknown';

export const isCampaign = (item: Item): item is Campaign => item.key.startsWith(campaignKey(''));

/** The stored campaigns, in the order in which they began. */
export const campaignsOf = ({ watch }: Pick<World, 'watch'>): Campaign[] =>
  [...watch.items.values()].filter(isCampaign);

export const chunkRow = ({ watch }: World, { id }: Pick<Campaign, 'id'>, number: number): JobRow | undefined =>
  watch.row(jobKey(EMAILS_QUEUE, chunkId(id, number)));

/** Whether the chunk waits because its campaign is paused. An operator must then resume it. */
export function isPaused({ watch }: World, { state, reason, campaign: id = '' }: JobRow): boolean {
  const campaign = watch.items.get(campaignKey(id));
  const isHeld = state === 'held' && reason === 'paused';
  return isHeld && campaign !== undefined && campaign.status === 'paused';
}

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
  return isBehind(world, campaign) ? todoAt : Number.POSITIVE_INFINITY;
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

interface Stop {
  at: number;
  /** Ids of chunks that may be at SendGrid by then. */
  underWay: ReadonlySet<string>;
}

/**
 * Checks every request against the stored campaign: no chunk before the start time, and no new chunk after a stop. A
 * suppressed address is never mailed in a chunk that began after its entry. Also checks that a campaign does not end
 * before its chunks.
 */
export function watchCampaigns(world: World): void {
  const { kernel, watch, reach, reached, onItem, onMails, onRow, suppressed } = world;
  if (!world.queue.controlled) return;
  const stops = new Map<string, Stop>();
  const begun = new Map<string, { token: string; at: number }>();
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
    const item = watch.items.get(campaignKey(id));
    if (!item) return;
    const campaign = item as Campaign;
    const now = kernel.now();
    if (now < campaign.startsAt - skewOf(world.plan))
      watch.violated(`campaigns are kept: chunk ${job} was sent before its campaign begins`);
    const stop = stops.get(id);
    if (!stop) return;
    reach('chunk accepted though its campaign was stopped');
    const most = reached.has('doubt') ? UNDER_WAY_MS : SOON_MS;
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
    const rows = watch.rows().filter((row) => row.campaign === campaign);
    return new Set(rows.filter(({ state, steps }) => state === 'processing' || steps.send).map(({ id }) => id));
  }
}
