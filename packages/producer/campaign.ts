import * as z from 'zod';
import { readItem, renewable, type Stored, time, writeItem } from '../../lib/engine/jobs/items';
import { jobKey } from '../../lib/engine/jobs/keys';
import { BY_ITS_PRODUCER, type JobRow, present } from '../../lib/engine/jobs/row';
import { cancel } from '../../lib/engine/jobs/transitions';
import { IdempotencyConflictError, invalid, JobNotFoundError } from '../../lib/engine/submit/errors';
import { accepted, jobId, newId, type SubmitOptions, valid, validOptions } from '../../lib/engine/submit/options';
import { type Accepted, checkTime, mayBeUnsent, type SubmitDeps, store, submit } from '../../lib/engine/submit/submit';
import { ignoreStoreError, StoreError } from '../../lib/platform/errors';
import type { ItemHead } from '../../lib/platform/ports';
import { type Campaign, type CampaignStatus, campaigns, chunkSizeOf } from '../../lib/queues/emails/campaigns/campaign';
import { RepeatedCampaignError } from '../../lib/queues/emails/errors';
import { type Rejection, readMail, writeManifest } from '../../lib/queues/emails/manifest';
import {
  type CampaignInput,
  type CampaignJob,
  campaignContentSchema,
  campaignSchema,
  EMAIL_CAMPAIGN,
  type RecipientCounts,
} from '../../lib/queues/emails/message';
import type { mergeOf } from '../../lib/queues/emails/placeholders';
import { campaignKey, EMAILS_QUEUE, listKey } from '../../lib/queues/emails/queue';
import {
  type Bytes,
  fromCsv,
  fromIterable,
  fromNdjson,
  InvalidRecipientsError,
  type Read,
  type RecipientInput,
} from '../../lib/queues/emails/recipients';
import { type CampaignReport, campaignReport } from '../../lib/queues/emails/report';
import { checkFiles } from '../../lib/queues/uploads';
import type { CallLimits } from './calls';
import { type AskOptions, find, iso, type JobsDeps } from './jobs';

/**
 * Where a campaign's recipients come from. `key` is an upload, or with `ownFiles` any object under `{prefix}/_attachments/emails/`, whose
 * name ends in `.csv` or `.ndjson`.
 */
export type RecipientSource =
  | Iterable<RecipientInput>
  | AsyncIterable<RecipientInput>
  | { csv: Bytes }
  | { ndjson: Bytes }
  | { key: string };

export interface AcceptedCampaign extends Accepted, RecipientCounts {
  /** S3 keys of the rejected recipients, with their lines and reasons (NDJSON). */
  rejectedKeys: string[];
  /** Why they were rejected, the most frequent reason first. Repeated addresses are no part of it. */
  rejections: Rejection[];
  /** Fields of recipients that were left out: unknown ones, and names that could not be used. */
  leftOut: number;
}

/**
 * `mostRejected`: how many percent of the recipients may be rejected, 0 to 100. With more, nothing is sent. By default 10.
 * `again`: whether the same content may go to the same recipients a second time within 24 hours.
 */
export type ListOptions = SubmitOptions & { mostRejected?: number | undefined; again?: boolean | undefined };

interface GivenCampaign {
  input: CampaignInput;
  source: RecipientSource;
  options: ListOptions;
}

/** How late a send may be asked for. */
const LATE_MS = 60 * 60_000;
const MOST_REJECTED = 10;
const percent = z.number().min(0).max(100).default(MOST_REJECTED);

export interface ProducerDeps extends SubmitDeps {
  /** Recipients per second that may be sent to, and those of a first wave. They decide the size of a chunk. */
  emailRate: number;
  firstWave?: number | undefined;
  readObject: (key: string) => AsyncIterable<Uint8Array>;
}

/** Checks all but the recipients. Throws an InvalidJobError. */
async function checkedCampaign(deps: ProducerDeps, { input, source, options }: GivenCampaign) {
  const { data, warnings } = accepted('campaign', campaignSchema, input);
  const { name, sendAt, transactional, ...content } = data;
  const { mostRejected: given, again: asked, ...others } = options ?? {};
  const again = valid(z.boolean().optional(), asked, 'options.again');
  const mostRejected = valid(percent, given, 'options.mostRejected');
  const { warnings: ofOptions = [], ...checked } = validOptions(others);
  const submitted = { ...checked, queue: EMAILS_QUEUE, warnings: [...ofOptions, ...warnings] };
  const reads = read(deps, source);
  if (!reads) throw invalid('recipients', 'must be a list, or an object with csv, ndjson or key');
  // Without the queue, the recipients must not be stored either.
  deps.settings(EMAILS_QUEUE);
  const keys = 'key' in source ? [{ field: 'recipients.key', key: source.key }] : [];
  const files = await checkFiles(deps, keys, { queue: EMAILS_QUEUE, principal: submitted.principal });
  checkTime(deps, 'sendAt', sendAt);
  checkTime(deps, 'options.notBefore', submitted.notBefore);
  if (content.unsubscribe === undefined && !transactional)
    throw invalid('unsubscribe', 'is required for bulk mail. Mail that is not bulk mail says transactional: true');
  const parsed = campaignContentSchema.parse(content);
  return { name, sendAt, submitted, again, files, content: parsed, recipients: reads, mostRejected };
}

const refusal = (error: unknown): never => {
  throw error instanceof InvalidRecipientsError ? invalid('recipients', error.message) : error;
};

/** How a campaign would be accepted, and what recipients would read. */
export interface CampaignPreview extends Omit<RecipientCounts, 'chunks'> {
  mails: (ReturnType<ReturnType<typeof mergeOf>['previewFor']> & { recipient: RecipientInput })[];
}

/** `numbers`: the recipients to show, counted from 1 without those that would be rejected. By default the first hundred. */
export type PreviewOptions = CallLimits & { principal?: string; numbers?: readonly number[] };

const MOST_PREVIEWS = 100;
const FIRST = Array.from({ length: MOST_PREVIEWS }, (_, at) => at + 1);

/** Accepts a campaign in the memory of the process only, and shows its mails. Stores and sends nothing. */
export async function previewCampaign(
  deps: ProducerDeps,
  { options: { numbers, ...options }, ...given }: Omit<GivenCampaign, 'options'> & { options: PreviewOptions },
): Promise<CampaignPreview> {
  const { content, recipients: reads } = await checkedCampaign(deps, { ...given, options });
  const asked = valid(z.array(z.int().min(1)).max(MOST_PREVIEWS), numbers ?? FIRST, 'numbers');
  const chunkSize = MOST_PREVIEWS;
  const parts = new Set(asked.map((number) => Math.floor((number - 1) / chunkSize)));
  const stored = new Map<string, Uint8Array>();
  const objects = {
    // The whole list is counted, and may be a million. Only what is shown of it is kept.
    async put(key: string, body: string | Uint8Array) {
      const part = /recipients-(\d+)-/.exec(key)?.[1];
      if (part === undefined || parts.has(Number(part))) stored.set(key, Buffer.from(body));
    },
    get: async (key: string) => stored.get(key),
  };
  const memory = { objects, prefix: deps.prefix };
  const accepting = writeManifest(memory, { campaign: newId(deps), content, recipients: reads, chunkSize });
  const { manifest, requested, duplicates, rejected, recipients } = await accepting.catch(refusal);
  const there = asked.filter((number) => number <= recipients);
  const shown = numbers ? valid(z.array(z.int().max(recipients)), asked, 'numbers') : there;
  const campaign = { manifest, recipients, chunkSize };
  const mails = await Promise.all(shown.map((number) => readMail(memory, campaign, number)));
  return { requested, duplicates, rejected, recipients, mails: mails.map(({ preview }) => preview) };
}

/**
 * Accepts a campaign: stores its recipients and its manifest in the bucket, then sends the job. If the caller dies
 * before that, no mail is sent. A second call with the same key is the same campaign.
 */
export async function submitCampaign(deps: ProducerDeps, given: GivenCampaign): Promise<AcceptedCampaign> {
  const { name, sendAt, submitted, again, files, ...checked } = await checkedCampaign(deps, given);
  const id = jobId({ ...submitted, ...deps });
  // A repeated call keeps the chunk size. With another one, its manifest would differ and look like another campaign.
  const repeated = submitted.key === undefined ? undefined : await campaigns(deps).read(id);
  const isOver = sendAt !== undefined && Date.parse(sendAt) < deps.clock.now() - LATE_MS;
  const row = submitted.key === undefined ? undefined : await deps.ledger.get(jobKey(EMAILS_QUEUE, id));
  // The list would be mailed at once. A repeat finds its campaign, whenever it comes.
  if (isOver && !repeated && !row) throw invalid('sendAt', 'must be at most an hour in the past');
  const chunkSize = repeated?.chunkSize || chunkSizeOf(deps.emailRate, deps.firstWave);
  const writing = writeManifest(deps, { ...checked, campaign: id, chunkSize });
  const { rejectedKeys, rejections, leftOut, list, ...written } = await writing.catch(refusal);
  // The campaign may outlive its job's row.
  if (repeated && repeated.manifest.sha256 !== written.manifest.sha256) throw new IdempotencyConflictError(id);
  const isFound = repeated || (row && !mayBeUnsent(row));
  // While the table is down, a campaign without a key is accepted unseen.
  const note = isFound ? undefined : await noteList(deps, { id, list, again }).catch(ignoreStoreError);
  const write: typeof store = async (to, row) => {
    const stored = await store(to, row);
    const last = note && !again ? await notedLists.read(deps, note.key) : undefined;
    // This call had stalled, and the other one saw no row.
    if (last && last.campaign !== id) throw new RepeatedCampaignError(last.campaign);
    return stored;
  };
  const data: CampaignJob = { name, sendAt, ...written, chunkSize };
  const answer = await submit(deps, { ...submitted, id, type: EMAIL_CAMPAIGN, data, files }, write);
  const { requested, duplicates, rejected, recipients, chunks } = written;
  const counts = { requested, duplicates, rejected, recipients, chunks };
  return { ...answer, ...counts, rejectedKeys, rejections, leftOut };
}

/** The last campaign that brought one content to one list, and when it was about to be accepted, ms since 1970. */
const notedLists = renewable({ campaign: z.string(), at: time }, { campaign: '', at: 0 });
type NotedList = Stored<typeof notedLists>;

const REPEAT_MS = 24 * 60 * 60_000;
/** Between its note and its message a call needs less, or it has crashed. */
const ACCEPTING_MS = 15_000;
const POLL_MS = 200;

/**
 * Notes that a campaign is about to be accepted. Rejects with a RepeatedCampaignError if another one with the same content
 * and recipients is or was sent. It waits until that is known of one that is just being accepted.
 */
async function noteList(
  deps: ProducerDeps,
  { id, list, again }: { id: string; list: string; again?: boolean | undefined },
) {
  const hashes = (await deps.hashPeople())(`campaign:${list}`);
  const key = listKey(hashes[0]);
  for (;;) {
    // After a change of the hashes' key, the note may be under the earlier one.
    const known = await Promise.all(hashes.map((hash) => notedLists.read(deps, listKey(hash))));
    const [stored] = known;
    const noted = known.find((one) => one !== undefined);
    const isOther = noted && noted.campaign !== id && deps.clock.now() < noted.at + REPEAT_MS;
    const fate = isOther && !again ? await fateOf(deps, noted) : 'over';
    if (noted && fate === 'sent') throw new RepeatedCampaignError(noted.campaign);
    if (fate === 'accepting') {
      await deps.clock.sleep(POLL_MS);
      continue;
    }
    const at = deps.clock.now();
    const note = {
      ...(stored ?? { key, version: 0, writer: '' }),
      campaign: id,
      at,
      expiresAt: Math.ceil((at + REPEAT_MS) / 1000),
    };
    const written = await writeItem(deps, note, stored?.version ?? 0);
    if (!written.written) continue;
    // A call that had stalled may have written its row before this note. One that writes it later finds the note.
    if (!isOther || again || (await fateOf(deps, noted)) !== 'sent') return note;
    await writeItem(deps, { ...noted, key }, written.item.version);
    throw new RepeatedCampaignError(noted.campaign);
  }
}

/**
 * A campaign that was never accepted, or was paused or cancelled, is `over`: it keeps no other one from its recipients. The
 * message of a crashed call may be under way. So its job is cancelled, unless a worker has it by then.
 */
async function fateOf(deps: ProducerDeps, { campaign: id, at }: NotedList): Promise<'accepting' | 'sent' | 'over'> {
  // One that is damaged may go on once it is restored.
  const campaign = await readItem<ItemHead & { status?: unknown }>(deps, campaignKey(id));
  if (campaign) return campaign.status === 'paused' || campaign.status === 'cancelled' ? 'over' : 'sent';
  const key = jobKey(EMAILS_QUEUE, id);
  const row = await deps.ledger.get(key);
  const now = deps.clock.now();
  if ((!row || mayBeUnsent(row)) && now < at + ACCEPTING_MS) return 'accepting';
  if (!row) return 'over';
  const unsent = (stored: JobRow) =>
    stored.state === 'queued' && mayBeUnsent(stored) ? cancel(stored, now, BY_ITS_PRODUCER) : undefined;
  const { item } = await deps.ledger.update(key, unsent, row);
  return item && item.state !== 'dead' && item.state !== 'cancelled' ? 'sent' : 'over';
}

/** Reads the recipients of a source. Callers without types give anything: `undefined` if it is none. */
function read(deps: ProducerDeps, source: RecipientSource): AsyncGenerator<Read> | undefined {
  if (typeof source !== 'object' || source === null) return undefined;
  if ('key' in source) return typeof source.key === 'string' ? fromObject(deps, source.key) : undefined;
  const [from, items] =
    'csv' in source ? [fromCsv, source.csv] : 'ndjson' in source ? [fromNdjson, source.ndjson] : [fromIterable, source];
  const isList = Symbol.iterator in Object(items) || Symbol.asyncIterator in Object(items);
  return isList ? from(items as never) : undefined;
}

async function* fromObject(deps: ProducerDeps, key: string): AsyncGenerator<Read> {
  const bytes = deps.readObject(key);
  if (key.endsWith('.csv')) yield* fromCsv(bytes);
  else if (key.endsWith('.ndjson')) yield* fromNdjson(bytes);
  else throw new InvalidRecipientsError('the key must end in .csv or .ndjson');
}

/** A campaign after an act on it. */
export interface CampaignState {
  id: string;
  status: CampaignStatus;
  /** Why it is paused or cancelled: `operator`, or the code of an error. */
  reason?: string;
  /** The counts that made the guard pause it, in words. */
  why?: string;
  /** ISO 8601. */
  startsAt: string;
  endedAt?: string;
}

/** Whose campaign it must be, as in `jobs.get`, and the limits of the call. */
export type CampaignOptions = Omit<AskOptions, 'queue'>;

/**
 * What a caller can do with an accepted campaign. Each function rejects with a JobNotFoundError if there is none for
 * this principal, and with a StoreError (`Campaign.NotStarted`) before the campaign has started.
 */
export interface CampaignControl {
  /** Sends nothing more to the vendor. Mails that the vendor has stay there. Waiting chunks keep waiting. */
  pause(id: string, options?: CampaignOptions): Promise<CampaignState>;
  /** Continues where the campaign stopped, even if it paused itself. */
  resume(id: string, options?: CampaignOptions): Promise<CampaignState>;
  /** Sends nothing more, for good. */
  cancel(id: string, options?: CampaignOptions): Promise<CampaignState>;
  /** Counts what has happened to the recipients so far. */
  report(id: string, options?: CampaignOptions): Promise<CampaignReport>;
}

export function campaignControl(deps: ProducerDeps & Pick<JobsDeps, 'queueNames'>): CampaignControl {
  const store = campaigns(deps);
  async function on<T>(id: string, options: CampaignOptions | undefined, act: () => Promise<T>) {
    const row = await find(deps, id, { ...options, queue: EMAILS_QUEUE }).catch((error: unknown) => {
      // The campaign may outlive its job's row, which alone knows the principal.
      if (options?.system && error instanceof JobNotFoundError) return undefined;
      throw error;
    });
    const done = await act();
    if (done !== undefined) return done;
    if (!row) throw new JobNotFoundError();
    throw new StoreError({ code: 'Campaign.NotStarted', message: 'the campaign has not started yet' });
  }
  const acting = (name: 'pause' | 'resume' | 'cancel') => (id: string, options?: CampaignOptions) =>
    on(id, options, async () => stateOf((await store[name](id)).item));
  return {
    pause: acting('pause'),
    resume: acting('resume'),
    cancel: acting('cancel'),
    report: (id, options) =>
      on(id, options, async () => {
        const campaign = await store.read(id);
        return campaign && campaignReport(deps, campaign);
      }),
  };
}

const stateOf = (campaign: Campaign | undefined): CampaignState | undefined => {
  if (!campaign) return undefined;
  const { id, status, reason, why, startsAt, endedAt } = campaign;
  return present({ id, status, reason, why, startsAt: iso(startsAt), endedAt: iso(endedAt) }) as CampaignState;
};
