import { appended } from '../../jobs/capped-list';
import { CAMPAIGN_QUEUE, campaignHourKey, campaignKey, todoKey } from '../../jobs/keys';
import { readItem, type Updated, updateItem } from '../../jobs/ledger';
import type { HistoryEntry } from '../../jobs/row';
import { ROW_LIFETIME_MS } from '../../jobs/schedule';
import type { Clock, Item, Random, Table } from '../../ports';

/** An accepted chunk of which the vendor has told nothing by then is a sign that its events do not reach us. */
export const EVENTS_AFTER_MS = 30 * 60_000;

/** What a campaign's history can say. */
export type CampaignEvent = 'accepted' | 'paused' | 'resumed' | 'cancelled';

export type CampaignStatus = 'running' | 'paused' | 'cancelled' | 'ended';

/** What became of a campaign's list. Each of those that were requested is a recipient, a duplicate or rejected. */
export interface RecipientCounts {
  requested: number;
  /** Rejected because they were there already. */
  duplicates: number;
  rejected: number;
  recipients: number;
  chunks: number;
}

/** What was accepted; it never changes. Times are milliseconds since 1970. */
export interface CampaignPlan extends RecipientCounts {
  id: string;
  name?: string | undefined;
  source: string;
  /** When it was accepted: the `time` of all its chunks, which so share one partition. */
  time: number;
  /** Nothing is released before. */
  startsAt: number;
  manifest: { key: string; sha256: string };
  chunkSize: number;
}

/** A campaign as the table knows it, beside its chunks' rows. */
export interface Campaign extends Item, CampaignPlan {
  status: CampaignStatus;
  /** Why it is paused: `operator`, or the code of what went wrong. */
  reason?: string;
  /** Chunks released so far: all below this number, and no other. */
  released: number;
  /** Numbers of released chunks that had not ended when it was last looked. */
  open: number[];
  /** The place of its last released chunk in the campaigns' common order (lib/emails/campaigns/turns.ts), in recipients. */
  turn?: number;
  /** Chunks refused for good since the last that was accepted; approximate. */
  refusals: number;
  endedAt?: number;
  /** Whether the vendor's events came was looked at. */
  eventsChecked?: boolean;
  /** Until then: how many chunks were looked at for events, and how many of those have none. */
  eventsSought?: { checked: number; silent: number };
  history: HistoryEntry<CampaignEvent>[];
}

export type CampaignDeps = { table: Table; clock: Clock; random: Random };

/** Campaigns in the table. Every change but the first is made on what is stored by then. */
export function campaigns(deps: CampaignDeps) {
  const change = (
    id: string,
    next: (campaign: Campaign) => Campaign | undefined,
    known?: Campaign,
  ): Promise<Updated<Campaign>> =>
    updateItem<Campaign>(
      deps,
      campaignKey(id),
      (stored) => {
        const changed = stored && next(stored);
        return changed && scheduled(changed);
      },
      known,
    );
  const noted = (campaign: Campaign, event: CampaignEvent, note?: string): Campaign => ({
    ...campaign,
    history: appended(campaign.history, { at: deps.clock.now(), event, ...(note ? { note } : {}) }),
  });

  return {
    read: async (id: string) => (await readItem(deps, campaignKey(id))) as Campaign | undefined,
    /** Without an item there is no such campaign. A caller that has just read the campaign passes it as `known`. */
    change,
    /** Makes the campaign unless it is there already. */
    start: async (plan: CampaignPlan) => {
      const { item } = await updateItem<Campaign>(deps, campaignKey(plan.id), (stored) => {
        if (stored) return undefined;
        const cursor = { status: 'running' as const, released: 0, open: [], refusals: 0, history: [] };
        const keys = { key: campaignKey(plan.id), hour: campaignHourKey(plan.time), version: 0, writer: '' };
        const made = { ...plan, ...cursor, ...keys };
        return scheduled(noted(made, 'accepted'));
      });
      return item;
    },
    /** Holds everything that is not with the vendor yet. */
    pause: (id: string, reason = 'operator') =>
      change(id, (campaign) =>
        campaign.status === 'running' ? { ...noted(campaign, 'paused', reason), status: 'paused', reason } : undefined,
      ),
    resume: (id: string) =>
      change(id, (campaign) => {
        if (campaign.status !== 'paused') return undefined;
        const { reason: _reason, ...rest } = noted(campaign, 'resumed');
        return { ...rest, status: 'running', refusals: 0 };
      }),
    /** Nothing more is sent, for good. */
    cancel: (id: string) =>
      change(id, (campaign) =>
        campaign.status === 'running' || campaign.status === 'paused'
          ? { ...noted(campaign, 'cancelled'), status: 'cancelled' }
          : undefined,
      ),
    /** Counts a running campaign's chunk that was refused for good; pauses the campaign at the `most`-th in a row. */
    refused: (id: string, { code, most }: { code: string; most: number }) =>
      change(id, (campaign) => {
        if (campaign.status !== 'running') return undefined;
        const refusals = campaign.refusals + 1;
        const counted = { ...campaign, refusals };
        if (refusals < most) return counted;
        return { ...noted(counted, 'paused', code), status: 'paused', reason: code };
      }),
    accepted: (id: string) =>
      change(id, (campaign) => (campaign.refusals === 0 ? undefined : { ...campaign, refusals: 0 })),
  };
}

export type Campaigns = ReturnType<typeof campaigns>;

/**
 * A campaign with its index attributes. The reconciler looks at it until its last chunk has ended, and once more when
 * the vendor's events must have come.
 */
function scheduled({ todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...campaign }: Campaign): Campaign {
  const todo = todoKey(CAMPAIGN_QUEUE, 'campaign');
  const { endedAt } = campaign;
  if (endedAt === undefined) return { ...campaign, todo, todoAt: campaign.startsAt };
  const ended = { ...campaign, expiresAt: Math.ceil((endedAt + ROW_LIFETIME_MS) / 1000) };
  return campaign.eventsChecked ? ended : { ...ended, todo, todoAt: endedAt + EVENTS_AFTER_MS };
}
