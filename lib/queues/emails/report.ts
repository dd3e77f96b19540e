import { jobKey, recordKey } from '../../engine/jobs/keys';
import type { Ledger } from '../../engine/jobs/ledger';
import { rowOfRecord } from '../../engine/jobs/record';
import { isEnd, type JobRow } from '../../engine/jobs/row';
import { UnreadableRowError } from '../../engine/jobs/row-schema';
import type { Objects } from '../../platform/ports';
import { jsonOf } from '../../platform/text';
import { type Campaign, chunkId, chunkRecipients, type Reports, releasedPages, reportsOf } from './campaigns/campaign';
import { eventFolder, eventKey, kindOfEvent, type StoredEvent } from './events/webhook';
import { firstTimes, readManifest, readPart } from './manifest';
import { EMAILS_QUEUE, SEND } from './queue';
import { outcomesApart } from './request';

/**
 * The result of a campaign so far, computed from the chunks' rows and the stored events. `requested` is `rejected` +
 * `duplicates` + `recipients`, and `recipients` is the sum of the eight kinds after it.
 */
export interface CampaignReport
  extends Pick<Campaign, 'name' | 'status' | 'requested' | 'rejected' | 'duplicates' | 'recipients'>,
    Kinds {
  campaign: string;
  reason?: string | undefined;
  /** The counts that made the guard pause it, in words. */
  why?: string | undefined;
  notReleased: number;
  chunks: { all: number; released: number };
  /** Ids of the chunks' jobs that wait for an operator: jobs with an unknown step, and refused jobs. */
  jobs: { unknown: string[]; refused: string[] };
  /** Why `suppressed` got no mail: reasons of the list as in `unsubscribed`, and SendGrid's as in `Bounced Address`. */
  suppressedBy: Record<string, number>;
  /** What SendGrid reported last about each mail. It counts once, as `bounced`, `blocked`, `delivered`, `dropped` or `deferred`. */
  figures: Reports;
  /** Later events by SendGrid's names, each counted once. `damaged`: stored lines that are no events. */
  events: Record<string, number>;
}

interface Kinds {
  accepted: number;
  /** They got no mail because of the suppression list or SendGrid's own. */
  suppressed: number;
  /** SendGrid has not sent the mails. Their chunks are parked with the reason. */
  refused: number;
  /** It is unknown whether SendGrid has the mails, until an event or an operator resolves that. */
  unknown: number;
  /** Released, and not sent because of a cancel. */
  cancelled: number;
  underWay: number;
  paused: number;
}

interface ReportDeps {
  ledger: Pick<Ledger, 'get'>;
  objects: Pick<Objects, 'get' | 'list'>;
  prefix: string;
}

/** Rows to read at a time: twice the connections of the SDK. */
const AT_ONCE = 100;

/** Gets each event that is counted, with its time in ms. */
type Hear = (name: string, at: number) => void;

export async function campaignReport(deps: ReportDeps, campaign: Campaign, hear?: Hear): Promise<CampaignReport> {
  const kinds: Kinds = { accepted: 0, suppressed: 0, refused: 0, unknown: 0, cancelled: 0, underWay: 0, paused: 0 };
  const jobs: CampaignReport['jobs'] = { unknown: [], refused: [] };
  const suppressedBy: Record<string, number> = {};
  const { counts, undelivered } = await readEvents(deps, campaign, hear);
  let released = 0;
  for await (const [number, row] of chunksOf(deps, campaign)) {
    const size = chunkRecipients(campaign, number);
    const kind = kindOf(row);
    // Recipients with an outcome of their own keep it, whatever happens to the rest of their chunk.
    const apart = outcomesApart((step) => row?.steps[step]);
    // SendGrid accepts a request whole, and drops single mails of it later.
    if (kind === 'accepted')
      for (const [recipient, outcome] of undelivered.get(chunkId(campaign.id, number)) ?? [])
        if (outcome.status === 'suppressed') apart.set(recipient, { ...outcome, status: 'suppressed' });
    for (const { status, code = '' } of apart.values()) {
      kinds[status] += 1;
      if (status === 'suppressed') suppressedBy[code] = (suppressedBy[code] ?? 0) + 1;
    }
    kinds[kind] += size - apart.size;
    released += size;
    if (kind === 'unknown' || (kind === 'refused' && apart.size < size)) jobs[kind].push(chunkId(campaign.id, number));
  }
  const { id, name, status, reason, why, requested, rejected, duplicates, recipients, chunks } = campaign;
  return {
    campaign: id,
    name,
    status,
    reason,
    why,
    requested,
    rejected,
    duplicates,
    recipients,
    ...kinds,
    notReleased: recipients - released,
    chunks: { all: chunks, released: campaign.released },
    jobs,
    suppressedBy,
    figures: reportsOf(campaign),
    events: counts,
  };
}

/** The released chunks in order, each with its row or record. */
async function* chunksOf(deps: ReportDeps, campaign: Campaign): AsyncGenerator<[number, JobRow | undefined]> {
  for (const numbers of releasedPages(campaign, AT_ONCE)) {
    const rows = await Promise.all(numbers.map((number) => chunkRow(deps, campaign, number)));
    for (const [at, number] of numbers.entries()) yield [number, rows[at]];
  }
}

async function chunkRow(deps: ReportDeps, campaign: Campaign, number: number): Promise<JobRow | undefined> {
  const id = chunkId(campaign.id, number);
  const key = jobKey(EMAILS_QUEUE, id);
  try {
    const row = await deps.ledger.get(key);
    if (row) return row;
    const record = await deps.objects.get(recordKey(deps.prefix, { queue: EMAILS_QUEUE, time: campaign.time, id }));
    return record && rowOfRecord(Buffer.from(record).toString('utf8'), key);
  } catch (error) {
    if (error instanceof UnreadableRowError) return undefined;
    throw error;
  }
}

export function kindOf(row: JobRow | undefined): keyof Kinds {
  // A chunk counts as released only after its row was written, so a row or record that is missing is lost.
  if (!row) return 'unknown';
  const { state, reason } = row;
  const step = row.steps[SEND]?.status;
  if (row.evidence?.[SEND] || step === 'done') return 'accepted';
  if (step === 'unknown' || (step === 'started' && state !== 'processing')) return 'unknown';
  if (state === 'cancelled') return 'cancelled';
  if (state === 'held' && reason === 'paused') return 'paused';
  return isEnd(state) ? 'refused' : 'underWay';
}

/** Recipients to whom SendGrid did not deliver, by job and number in the chunk. */
type Undelivered = Map<string, Map<number, { status: 'suppressed' | 'bounced'; code: string }>>;

async function readEvents({ objects, prefix }: ReportDeps, campaign: Campaign, hear?: Hear) {
  const counts: Record<string, number> = {};
  const undelivered: Undelivered = new Map();
  const isNew = firstTimes();
  const folder = eventFolder(prefix, { queue: EMAILS_QUEUE, time: campaign.time, campaign: campaign.id });
  for (const key of await objects.list(folder)) {
    const bytes = await objects.get(key);
    const lines = bytes ? Buffer.from(bytes).toString('utf8').trimEnd().split('\n') : [];
    for (const line of lines) {
      const event = jsonOf(line) as StoredEvent | null | undefined;
      if (typeof event?.event !== 'string') counts.damaged = (counts.damaged ?? 0) + 1;
      else if (isNew(eventKey(event))) {
        const name = kindOfEvent(event);
        counts[name] = (counts[name] ?? 0) + 1;
        hear?.(name, event.timestamp * 1000);
        const { job, recipient, type = 'bounce', status = '', reason = 'dropped' } = event;
        const of = undelivered.get(job) ?? new Map();
        if (event.event === 'dropped') of.set(recipient, { status: 'suppressed', code: reason });
        if (event.event === 'bounce') of.set(recipient, { status: 'bounced', code: `${type} ${status}`.trim() });
        if (of.size > 0) undelivered.set(job, of);
      }
    }
  }
  return { counts, undelivered };
}

/** The recipients who were refused, suppressed or bounced. Without the lists, a PermanentError (`ManifestMissing`). */
export async function* failedRecipients(deps: ReportDeps, campaign: Campaign) {
  const manifest = await readManifest(deps, campaign.manifest);
  const { undelivered } = await readEvents(deps, campaign);
  for await (const [number, row] of chunksOf(deps, campaign)) {
    const refused = kindOf(row) === 'refused' ? { status: 'refused', code: row?.error?.code } : undefined;
    const apart = new Map<number, { status: string; code?: string | undefined }>([
      ...outcomesApart((step) => row?.steps[step]),
      ...(undelivered.get(chunkId(campaign.id, number)) ?? []),
    ]);
    if (!refused && apart.size === 0) continue;
    for (const [place, { email }] of (await readPart(deps, manifest, number)).entries()) {
      const { status, code = '' } = apart.get(place) ?? refused ?? {};
      if (status !== undefined) yield [email, status, code] as const;
    }
  }
}
