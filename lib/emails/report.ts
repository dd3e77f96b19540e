import { jobKey, recordKey } from '../jobs/keys';
import type { Ledger } from '../jobs/ledger';
import { rowOfRecord } from '../jobs/record';
import { isEnd, type JobRow } from '../jobs/row';
import type { Objects } from '../ports';
import { seenSet } from './address-set';
import type { Campaign, CampaignStatus } from './campaigns/campaign';
import { chunkId, chunkRecipients } from './campaigns/chunk';
import { eventKey, type StoredEvent } from './events/event';
import { eventFolder } from './events/take';
import { EXCLUDED, excludedOf } from './excluded';
import { EMAILS_QUEUE } from './message';
import { SEND } from './request';

/**
 * What became of a campaign. Computed from its chunks' rows and the stored events each time, so no kill makes it wrong:
 * `requested` is `rejected`, `duplicates` and `recipients`; `recipients` is the seven kinds behind it.
 */
export interface CampaignReport {
  campaign: string;
  name?: string | undefined;
  status: CampaignStatus;
  /** Why it is paused. */
  reason?: string | undefined;
  requested: number;
  rejected: number;
  duplicates: number;
  recipients: number;
  /** SendGrid has taken the mails over. */
  accepted: number;
  /** It has not, and will not by itself: parked with the reason. */
  refused: number;
  /** Nobody can tell; events or a person will. */
  unknown: number;
  /** Released, and not sent for a cancel. */
  cancelled: number;
  /** Released and under way. */
  underWay: number;
  /** Released and held for a pause. */
  paused: number;
  notReleased: number;
  chunks: { all: number; released: number };
  /** Ids of the chunks' jobs that wait for a person: nobody can tell of the first, the others were refused. */
  jobs: { unknown: string[]; refused: string[] };
  /** What SendGrid told afterwards, by its names; each event counts once, however often it was sent. */
  events: Record<string, number>;
}

export interface ReportDeps {
  ledger: Pick<Ledger, 'get'>;
  objects: Pick<Objects, 'get' | 'list'>;
  prefix: string;
}

type Kind = 'accepted' | 'refused' | 'unknown' | 'cancelled' | 'underWay' | 'paused';

/** Rows of a large campaign: twice the connections that the SDK keeps, so that none of them waits. */
const AT_ONCE = 100;

export async function campaignReport(deps: ReportDeps, campaign: Campaign): Promise<CampaignReport> {
  const kinds: Record<Kind, number> = { accepted: 0, refused: 0, unknown: 0, cancelled: 0, underWay: 0, paused: 0 };
  const jobs: CampaignReport['jobs'] = { unknown: [], refused: [] };
  let released = 0;
  for (let from = 0; from < campaign.released; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, campaign.released - from) }, (_, n) => from + n);
    const rows = await Promise.all(numbers.map((number) => chunkRow(deps, campaign, number)));
    for (const [index, row] of rows.entries()) {
      const number = from + index;
      const size = chunkRecipients(campaign, number);
      const kind = kindOf(row);
      // Refused one by one, whatever becomes of the rest of their chunk.
      const excluded = excludedOf(row?.steps[EXCLUDED])?.recipients.length ?? 0;
      kinds.refused += excluded;
      kinds[kind] += size - excluded;
      released += size;
      if (kind === 'unknown' || kind === 'refused') jobs[kind].push(chunkId(campaign.id, number));
    }
  }
  const { id, name, status, reason, requested, rejected, duplicates, recipients, chunks } = campaign;
  return {
    campaign: id,
    name,
    status,
    reason,
    requested,
    rejected,
    duplicates,
    recipients,
    ...kinds,
    notReleased: recipients - released,
    chunks: { all: chunks, released: campaign.released },
    jobs,
    events: await countEvents(deps, campaign),
  };
}

/** A row that has gone by age has left its record. */
async function chunkRow(deps: ReportDeps, campaign: Campaign, number: number): Promise<JobRow | undefined> {
  const id = chunkId(campaign.id, number);
  const key = jobKey(EMAILS_QUEUE, id);
  const row = await deps.ledger.get(key);
  if (row) return row;
  const record = await deps.objects.get(recordKey(deps.prefix, { queue: EMAILS_QUEUE, time: campaign.time, id }));
  return record && rowOfRecord(Buffer.from(record).toString('utf8'), key);
}

function kindOf(row: JobRow | undefined): Kind {
  if (!row) return 'underWay';
  const { state, reason } = row;
  const step = row.steps[SEND]?.status;
  if (row.evidence?.[SEND] || step === 'done') return 'accepted';
  if (step === 'unknown' || (step === 'started' && state !== 'processing')) return 'unknown';
  if (state === 'cancelled') return 'cancelled';
  if (state === 'held' && reason === 'paused') return 'paused';
  return isEnd(state) ? 'refused' : 'underWay';
}

/** Each event once, however often it was sent. */
async function countEvents({ objects, prefix }: ReportDeps, campaign: Campaign): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const seen = seenSet();
  const folder = eventFolder(prefix, { queue: EMAILS_QUEUE, time: campaign.time, campaign: campaign.id });
  for (const key of await objects.list(folder)) {
    const bytes = await objects.get(key);
    const lines = bytes ? Buffer.from(bytes).toString('utf8').trimEnd().split('\n') : [];
    for (const line of lines) {
      const event = JSON.parse(line) as StoredEvent;
      if (seen.add(eventKey(event))) counts[event.event] = (counts[event.event] ?? 0) + 1;
    }
  }
  return counts;
}
