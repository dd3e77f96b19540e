import { v5 } from 'uuid';
import * as z from 'zod';
import type { Envelope } from '../../../engine/jobs/envelope';
import { count, headSchema, type ItemDeps, readItem, sound, time, updateItem } from '../../../engine/jobs/items';
import { todoKey } from '../../../engine/jobs/keys';
import { appended } from '../../../engine/jobs/row';
import { OBJECT_LIFETIME_MS, ROW_LIFETIME_MS } from '../../../engine/jobs/schedule';
import type { Clock, ItemHead } from '../../../platform/ports';
import { REPORT_KINDS, type ReportKind } from '../events/webhook';
import { campaignJobSchema, MOST_RECIPIENTS } from '../message';
import { CAMPAIGNS, campaignKey, EMAILS_QUEUE } from '../queue';

/** If SendGrid has not reported on most mails within this time, its events probably do not reach us. */
const EVENTS_AFTER_MS = 30 * 60_000;
/** What is not sent 75 days after the acceptance is cancelled. Until then a retry finds the list, kept for 120 days. */
const SENDS_FOR_MS = OBJECT_LIFETIME_MS - ROW_LIFETIME_MS;
/** If this many chunks in a row are permanently refused, the campaign is the cause. */
const MOST_REFUSALS = 3;

export const EXPIRED = 'CampaignExpired';

const EVENTS = ['accepted', 'paused', 'resumed', 'cancelled'] as const;
type CampaignEvent = (typeof EVENTS)[number];
export type CampaignStatus = Campaign['status'];

/** The accepted plan, which never changes. Times are milliseconds since 1970. */
const planSchema = campaignJobSchema.omit({ sendAt: true }).extend({
  id: z.string(),
  source: z.string(),
  /** When it was accepted. It is the `time` of all its chunks, so they share one partition. */
  time,
  startsAt: time,
  correlationId: z.string().optional(),
  traceparent: z.string().optional(),
});
type CampaignPlan = z.infer<typeof planSchema>;

/** What SendGrid reported about mails. Each mail that has an event counts as one of `FATES`. */
export type Reports = Record<ReportKind, number>;
const NONE_ENDED = { since: 0, chunks: 0, refused: 0 };
export const NO_REPORTS = Object.fromEntries(REPORT_KINDS.map((kind) => [kind, 0])) as Reports;
const FATES = ['delivered', 'deferred', 'bounced', 'blocked', 'dropped'] as const;

/** The first wave of a campaign or of a resume (wave.ts). */
const waveSchema = z.object({
  /** New chunks belong to it: those from this number on. */
  from: count,
  /** So do these released ones, which a pause had held. */
  again: z.array(count),
  /** Its mails that SendGrid has accepted. */
  mails: count,
  /** When the reconciler first saw that it has no more to send, ms since 1970. */
  outAt: time.optional(),
});
export type Wave = z.infer<typeof waveSchema>;

const waveFrom = (from: number): Wave => ({ from, again: [], mails: 0 });

/** A campaign as the table stores it. A newer release may add attributes. */
export const storedCampaignSchema = z.object({
  ...headSchema,
  ...planSchema.shape,
  status: z.enum(['running', 'paused', 'cancelled', 'ended']),
  /** Why it is paused: `operator`, or the code of the error. */
  reason: z.string().optional(),
  /** The counts behind the pause, in words. Only of a pause by the guard. */
  why: z.string().optional(),
  /** How often it was resumed. Each mail carries it, so that after a resume the guard counts anew. */
  round: count,
  /** By round; at most a few minutes old (guard.ts). */
  reports: z.array(z.record(z.enum(REPORT_KINDS), count)),
  /** Absent once it is over. */
  wave: waveSchema.optional(),
  /** Chunks of this round that have ended, and those of them that were refused. `since`: the resume. */
  ended: z.object({ since: time, chunks: count, refused: count }),
  /** How many recipients SendGrid had accepted by when. The first entry is about a minute older than the last. */
  sent: z.array(z.object({ at: time, recipients: count })),
  /** Chunks released so far: exactly those with a number below this. */
  released: count,
  /** Numbers of released chunks that had not ended when the reconciler last read them. */
  open: z.array(count),
  /** The last released chunk's place in the order of all campaigns (release.ts), in recipients. */
  startTag: z.number().optional(),
  /** Chunks permanently refused since the last accepted one; approximate. */
  refusals: count,
  endedAt: time.optional(),
  eventsChecked: z.boolean().optional(),
  /** When the reconciler next checks whether the lists can be deleted, ms. */
  listsAt: time.optional(),
  listsDropped: z.boolean().optional(),
  history: z.array(z.object({ at: time, event: z.enum(EVENTS), note: z.string().optional() })),
});
export type Campaign = ItemHead & z.infer<typeof storedCampaignSchema>;

export async function readCampaign(deps: ItemDeps, key: string): Promise<Campaign | undefined> {
  const stored = await readItem(deps, key);
  return stored && sound<Campaign>(storedCampaignSchema, stored);
}

export function campaigns(deps: ItemDeps & { guard?: GuardLimits | undefined }) {
  const change = (id: string, next: (campaign: Campaign) => Campaign | undefined, known?: Campaign) => {
    const changed = (stored: Campaign | undefined) => {
      const campaign = stored && next(sound(storedCampaignSchema, stored));
      return campaign && scheduled(campaign);
    };
    return updateItem<Campaign>(deps, campaignKey(id), changed, known);
  };

  return {
    /** Every method rejects with an ItemDamagedError for a campaign that does not parse. */
    read: (id: string) => readCampaign(deps, campaignKey(id)),
    /** Changes nothing if there is no such campaign. A caller that has just read it passes it as `known`. */
    change,
    start: async (plan: CampaignPlan) => {
      const next = (stored: Campaign | undefined) => (stored ? undefined : scheduled(started(deps, plan)));
      return (await updateItem<Campaign>(deps, campaignKey(plan.id), next)).item;
    },
    pause: (id: string, reason = 'operator', note = reason) =>
      change(id, (campaign) => (campaign.status === 'running' ? paused(deps, campaign, reason, note) : undefined)),
    resume: (id: string, note?: string) =>
      change(id, (campaign) => (campaign.status === 'paused' ? resumed(deps, campaign, note) : undefined)),
    cancel: (id: string, note?: string) =>
      change(id, (campaign) => (isLive(campaign) ? cancelled(deps, campaign, note) : undefined)),
    expire: (id: string) =>
      change(id, (campaign) =>
        hasExpired(campaign, deps.clock) ? { ...cancelled(deps, campaign, EXPIRED), reason: EXPIRED } : undefined,
      ),
    /** Changes what is counted of a campaign, and pauses it while it runs and the counts exceed a limit. */
    count: (known: Campaign, next: (campaign: Campaign) => Campaign | undefined) => {
      const guarded = (stored: Campaign) => {
        const counted = next(stored);
        const excess = counted?.status === 'running' && deps.guard && excessOf(counted, deps.guard);
        if (!excess) return counted;
        return { ...paused(deps, counted, excess.code, `${excess.code}: ${excess.why}`), why: excess.why };
      };
      return change(known.id, guarded, known);
    },
    /** Counts a permanently refused chunk of a running campaign. Pauses the campaign after some in a row. */
    refused: (id: string, code: string) =>
      change(id, (campaign) => {
        if (campaign.status !== 'running') return undefined;
        const counted = { ...campaign, refusals: campaign.refusals + 1 };
        return counted.refusals < MOST_REFUSALS ? counted : paused(deps, counted, code);
      }),
    accepted: (id: string) =>
      change(id, (campaign) => (campaign.refusals === 0 ? undefined : { ...campaign, refusals: 0 })),
  };
}

const withEntry = ({ clock }: ItemDeps, campaign: Campaign, event: CampaignEvent, note?: string): Campaign => ({
  ...campaign,
  history: appended(campaign.history, { at: clock.now(), event, ...(note ? { note } : {}) }),
});

function started(deps: ItemDeps, plan: CampaignPlan): Campaign {
  const keys = { key: campaignKey(plan.id), accepted: CAMPAIGNS, version: 0, writer: '' };
  const chunks = { released: 0, open: [], refusals: 0, ended: NONE_ENDED, sent: [], wave: waveFrom(0) };
  const state = { status: 'running' as const, round: 0, reports: [NO_REPORTS], history: [] };
  return withEntry(deps, { ...plan, ...keys, ...chunks, ...state }, 'accepted');
}

function paused(deps: ItemDeps, campaign: Campaign, reason: string, note = reason): Campaign {
  return { ...withEntry(deps, campaign, 'paused', note), status: 'paused', reason };
}

function resumed(deps: ItemDeps, campaign: Campaign, note?: string): Campaign {
  const { reason: _reason, why: _why, ...rest } = withEntry(deps, campaign, 'resumed', note);
  const ended = { ...NONE_ENDED, since: deps.clock.now() };
  // The time of the pause must not slow the rate.
  const sent = rest.sent.slice(-1).map(({ recipients }) => ({ at: ended.since, recipients }));
  const reports = [...rest.reports, NO_REPORTS];
  const wave = waveFrom(rest.released);
  return { ...rest, status: 'running', refusals: 0, round: rest.round + 1, reports, ended, sent, wave };
}

function cancelled(deps: ItemDeps, campaign: Campaign, note?: string): Campaign {
  const { reason: _reason, ...rest } = withEntry(deps, campaign, 'cancelled', note);
  return { ...rest, status: 'cancelled' };
}

/** Percentages that a campaign may reach and not exceed. 100 switches a limit off. */
export interface GuardLimits {
  /** Of the mails that were delivered or bounced. */
  bounces: number;
  /** Of the mails that were delivered. */
  reports: number;
  /** Of the chunks that have ended. */
  refused: number;
  /** So many mails must have been delivered or bounced before any limit counts. */
  least?: number;
  leastReports?: number;
  /** The recipients of a first wave, and the seconds for which its events are waited for. 0: there is none. */
  first?: number;
  wait?: number;
}

function excessOf(campaign: Campaign, limits: GuardLimits) {
  const { bounces, reports, refused, least = 100, leastReports = 3 } = limits;
  const { delivered, bounced, reported } = campaign.reports[campaign.round] ?? NO_REPORTS;
  const { ended } = campaign;
  if (delivered + bounced < least) return undefined;
  const over = (code: string, part: number, all: number, limit: number, what: string) => {
    const why = `${part} of ${all} ${what}: ${Number(((part / all) * 100).toPrecision(2))} %, more than ${limit} %`;
    // A limit such as 0.1 is no exact binary fraction.
    return part * 100_000 > all * Math.round(limit * 1_000) && { code, why };
  };
  return (
    over('TooManyBounces', bounced, delivered + bounced, bounces, 'mails bounced') ||
    (reported >= leastReports &&
      over('TooManySpamReports', reported, delivered, reports, 'mails were reported as spam')) ||
    over('TooManyRefused', ended.refused, ended.chunks, refused, 'chunks were refused')
  );
}

export function reportsOf({ reports }: Campaign): Reports {
  const all = { ...NO_REPORTS };
  for (const round of reports) for (const kind of REPORT_KINDS) all[kind] += round[kind];
  return all;
}

/** How many mails have an event. */
export const reportedOn = (reports: Reports): number => FATES.reduce((sum, fate) => sum + reports[fate], 0);

export const sentOf = ({ sent }: Campaign): number => sent.at(-1)?.recipients ?? 0;

export const hasExpired = (campaign: Campaign, clock: Pick<Clock, 'now'>): boolean =>
  isLive(campaign) && clock.now() >= campaign.time + SENDS_FOR_MS;

const isLive = ({ status }: Campaign): boolean => status === 'running' || status === 'paused';

export type Campaigns = ReturnType<typeof campaigns>;

/** Sets the index attributes: when the reconciler releases chunks, then checks the events, then deletes the lists. */
function scheduled({ todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...campaign }: Campaign): Campaign {
  const todo = todoKey(EMAILS_QUEUE, 'campaign');
  const { endedAt } = campaign;
  if (endedAt === undefined) return { ...campaign, todo, todoAt: campaign.startsAt };
  const listsAt = campaign.listsDropped ? undefined : (campaign.listsAt ?? endedAt + ROW_LIFETIME_MS);
  const ended = { ...campaign, expiresAt: Math.ceil(((listsAt ?? endedAt) + ROW_LIFETIME_MS) / 1000) };
  if (!campaign.eventsChecked) return { ...ended, todo, todoAt: endedAt + EVENTS_AFTER_MS };
  return listsAt === undefined ? ended : { ...ended, todo: todoKey(EMAILS_QUEUE, 'lists'), todoAt: listsAt };
}

export const CAMPAIGN_CHUNK = 'email.campaign-chunk.v1';

/** Must never change: another namespace would send every chunk that is under way a second time. */
const NAMESPACE = '5d2b1a0c-8f0e-4f5e-9d6c-3c1f7a9be240';

/** A chunk occupies the workers for this long, and every other campaign waits meanwhile. */
const CHUNK_SECONDS = 0.5;

/** `first`: of the guard. A first wave has whole chunks. */
export const chunkSizeOf = (emailRate: number, first = MOST_RECIPIENTS): number =>
  Math.min(MOST_RECIPIENTS, first, Math.max(1, Math.floor(emailRate * CHUNK_SECONDS)));

/** Depends only on campaign and number, so a chunk is one job however often it is released. */
export const chunkId = (campaign: string, number: number): string => v5(`${campaign}/${number}`, NAMESPACE);

export const chunkRecipients = ({ chunks, chunkSize, recipients }: CampaignPlan, number: number): number =>
  number < chunks - 1 ? chunkSize : Math.max(0, recipients - (chunks - 1) * chunkSize);

export function* releasedPages({ released }: Campaign, size: number): Generator<number[]> {
  for (let first = 0; first < released; first += size)
    yield Array.from({ length: Math.min(size, released - first) }, (_, n) => first + n);
}

export function chunkEnvelope(campaign: Campaign, number: number): Envelope {
  return {
    specversion: '1.0',
    id: chunkId(campaign.id, number),
    type: CAMPAIGN_CHUNK,
    source: campaign.source,
    time: new Date(campaign.time).toISOString(),
    datacontenttype: 'application/json',
    parent: campaign.id,
    ...(campaign.correlationId === undefined ? {} : { correlationid: campaign.correlationId }),
    ...(campaign.traceparent === undefined ? {} : { traceparent: campaign.traceparent }),
    data: { campaign: campaign.id, number, recipients: chunkRecipients(campaign, number) },
  };
}
