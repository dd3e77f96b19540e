import { everyDue, ItemDamagedError, type ItemDeps, isFirstMinuteOfHour } from '../../../engine/jobs/items';
import { jobKey, todoKey } from '../../../engine/jobs/keys';
import { backInQueue, keepBody } from '../../../engine/jobs/messages';
import { isEnd, type JobRow, newRow, traceFacts, traceOf } from '../../../engine/jobs/row';
import { UnreadableRowError } from '../../../engine/jobs/row-schema';
import type { Fact } from '../../../engine/reconcile/facts';
import { keepCancelled } from '../../../engine/worker/close';
import type { FinishDeps } from '../../../engine/worker/contract';
import { mapEach, throughAll } from '../../../platform/concurrency';
import type { SendingLimits } from '../../../platform/config/functions';
import type { Log } from '../../../platform/ports';
import { campaignKeys } from '../manifest';
import { EMAILS_QUEUE, SEND } from '../queue';
import { kindOf } from '../report';
import { outcomesApart } from '../request';
import {
  type Campaign,
  campaigns,
  chunkEnvelope,
  chunkId,
  chunkRecipients,
  type GuardLimits,
  readCampaign,
  releasedPages,
  reportedOn,
  reportsOf,
  sentOf,
} from './campaign';
import { isBehindWave, judgeWave } from './wave';

export interface CampaignReleaseDeps extends ItemDeps, Omit<FinishDeps, 'events' | 'dlqUrl'> {
  log: Log;
  queueNames: readonly string[];
  queueUrl: (queue: string) => string;
  /** `subject`: the campaign's id. */
  report: (fact: Fact) => Promise<void>;
  share?: number;
  /** Without it, only the counts are kept. */
  guard?: GuardLimits | undefined;
  limits?: SendingLimits | undefined;
}

export const AT_ONCE = 32;

/** A campaign with its number of recipients in open chunks. */
export interface Counted {
  campaign: Campaign;
  /** Of chunks that have not ended. Chunks that wait for an operator do not count. */
  open: number;
  /** Of those of them that are about to reserve a slot of the rate. */
  waiting: number;
  /** How many recipients may be released before the first wave's events. */
  room: number;
}

/** For `catch`: a campaign that does not parse holds back no other. Rethrows any other error. */
export const reportDamage =
  ({ report }: Pick<CampaignReleaseDeps, 'report'>) =>
  async (error: unknown) => {
    if (!(error instanceof ItemDamagedError)) throw error;
    await report({ kind: 'item-damaged', subject: '', code: error.key });
  };

/** Counts a campaign's open chunks, and stores which chunks have ended, and whether the campaign has. */
export async function countChunks(deps: CampaignReleaseDeps, known: Campaign): Promise<Counted> {
  const campaign = await finishRelease(deps, known);
  const rows = await rowsOf(deps, campaign, campaign.open);
  const ended = new Map([...rows].filter(([, row]) => row !== undefined && isEnd(row.state)));
  const open = campaign.open.filter((number) => !ended.has(number));
  const done = open.length === 0 && (campaign.status === 'cancelled' || campaign.released === campaign.chunks);
  const now = deps.clock.now();
  const isStuck = (number: number) => waitsForOperator(rows.get(number), campaign);
  const judged = (counted: Campaign) => judgeWave(counted, { rows, isStuck, guard: deps.guard, now });
  const change = (stored: Campaign): Campaign => {
    const endedNow = [...ended].filter(([number]) => stored.open.includes(number));
    const left = { ...withEnded(stored, endedNow), open: stored.open.filter((number) => !ended.has(number)) };
    const counted = { ...left, wave: judged(left).wave };
    if (!done || stored.released !== campaign.released) return counted;
    return { ...counted, status: stored.status === 'cancelled' ? 'cancelled' : 'ended', endedAt: now };
  };
  const hasChanged = done || open.length < campaign.open.length || judged(campaign).wave !== campaign.wave;
  const { item = campaign } = hasChanged ? await campaigns(deps).count(campaign, change) : { item: campaign };
  const recipients = (numbers: number[]) => numbers.reduce((sum, number) => sum + chunkRecipients(campaign, number), 0);
  const goes = (number: number) => isAboutToSend(rows.get(number), campaign, now) && !isBehindWave(item, number);
  return {
    campaign: item,
    open: recipients(open.filter((number) => !isStuck(number))),
    waiting: recipients(open.filter(goes)),
    room: judged(item).room,
  };
}

const RATE_MS = 60_000;
const RATE_EVERY_MS = 5_000;

/** Counts chunks that have ended: each one once, because it leaves the open ones in the same write. */
function withEnded(campaign: Campaign, chunks: readonly [number: number, row: JobRow | undefined][]): Campaign {
  const ended = { ...campaign.ended };
  const wave = campaign.wave && { ...campaign.wave };
  const before = campaign.sent;
  let { at, recipients } = before.at(-1) ?? { at: 0, recipients: 0 };
  for (const [number, row] of chunks) {
    const kind = kindOf(row);
    // Recipients with an outcome of their own got no mail. A chunk of none but those has sent nothing.
    const mails = chunkRecipients(campaign, number) - outcomesApart((step) => row?.steps[step]).size;
    if (mails === 0) continue;
    // One that ended before the resume belongs to the earlier counts.
    if ((row?.endedAt ?? 0) >= ended.since && (kind === 'accepted' || kind === 'refused')) {
      ended.chunks += 1;
      ended.refused += kind === 'refused' ? 1 : 0;
    }
    // What may be out belongs to the wave, too. Without its events the wave waits for its time.
    const mayBeOut = kind === 'accepted' || kind === 'unknown';
    if (wave && mayBeOut && !isBehindWave(campaign, number)) wave.mails += mails;
    if (kind !== 'accepted') continue;
    recipients += mails;
    at = Math.max(at, row?.steps[SEND]?.endedAt ?? 0);
  }
  if (recipients === (before.at(-1)?.recipients ?? 0)) return { ...campaign, ended, wave };
  const [second, last] = before.slice(-2);
  const kept = second && last && last.at - second.at < RATE_EVERY_MS ? before.slice(0, -1) : before;
  const recent = kept.filter((_, n) => (kept[n + 1]?.at ?? at) > at - RATE_MS);
  return { ...campaign, ended, wave, sent: [...recent, { at, recipients }] };
}

/**
 * Releases again a chunk whose release stopped before the cursor. A paused or cancelled campaign would end without it,
 * and a first wave would take another chunk in its place.
 */
async function finishRelease(deps: CampaignReleaseDeps, campaign: Campaign): Promise<Campaign> {
  const { id, status, released, open } = campaign;
  const mayJoin = open.some((number) => isBehindWave(campaign, number));
  if ((status === 'running' && !mayJoin) || released === campaign.chunks) return campaign;
  if (!(await deps.ledger.has(jobKey(EMAILS_QUEUE, chunkId(id, released))))) return campaign;
  return (await releaseChunk(deps, campaign)) ?? campaign;
}

/**
 * Releases the campaign's next chunk: row, message, then the campaign's cursor, which alone says what was released. If
 * one is lost, the release is repeated for the same job, because the id follows from the number.
 */
export async function releaseChunk(deps: CampaignReleaseDeps, campaign: Campaign, startTag = campaign.startTag) {
  await sendChunk(deps, campaign);
  const number = campaign.released;
  const change = (stored: Campaign): Campaign | undefined => {
    if (stored.released !== number) return undefined;
    const tagged = startTag === undefined ? stored : { ...stored, startTag };
    return { ...tagged, released: number + 1, open: [...stored.open, number] };
  };
  return (await campaigns(deps).change(campaign.id, change, campaign)).item;
}

async function sendChunk(deps: CampaignReleaseDeps, campaign: Campaign): Promise<void> {
  const { ledger, clock, random, log } = deps;
  const envelope = chunkEnvelope(campaign, campaign.released);
  const now = clock.now();
  const made = newRow({ queue: EMAILS_QUEUE, envelope, group: envelope.id, now, random });
  const body = JSON.stringify(envelope);
  const history = [{ at: now, event: 'released' as const }];
  const written = await ledger.write({ ...made, sentAt: now, history }, 0).catch(async (error: unknown) => {
    if (!(error instanceof UnreadableRowError)) throw error;
    // The campaign goes on without a row that does not parse. Once it parses, the reconciler sends it from this body.
    await keepBody(deps, made, body);
  });
  const row = written?.written ? written.item : written?.stored;
  // An operator may have cancelled the chunk before its message went out. A retry needs its body.
  if (row && !(await keepCancelled(deps, row, { body }))) return sendChunk(deps, campaign);
  if (row?.state !== 'queued' || row.deliveries.length > 0) return;
  const message = backInQueue(deps, { row, body });
  const { messageId } = await deps.queues.send(deps.queueUrl(EMAILS_QUEUE), message);
  log.info('released', { queue: EMAILS_QUEUE, jobId: row.id, messageId, ...traceFacts(row) });
}

/** A chunk whose row does not parse waits until an operator has restored the row. */
const waitsForOperator = (row: JobRow | undefined, { status }: Campaign): boolean =>
  row === undefined ||
  (row.state === 'held' && (row.reason === 'unknown' || (row.reason === 'paused' && status === 'paused')));

/** Excludes a chunk that a worker runs, because its time is reserved, and one that waits for its next attempt. */
function isAboutToSend(row: JobRow | undefined, campaign: Campaign, now: number): boolean {
  if (row?.state === 'processing' || waitsForOperator(row, campaign)) return false;
  const isRetry = row?.state === 'queued' || row?.reason === 'retry';
  return !(isRetry && (row?.retryAt ?? 0) > now);
}

/** Reads the rows of the campaign's chunks with these numbers. One that does not parse counts as none. */
export async function rowsOf({ ledger }: Pick<CampaignReleaseDeps, 'ledger'>, { id }: Campaign, numbers: number[]) {
  const read = async (number: number) =>
    [number, await ledger.known(jobKey(EMAILS_QUEUE, chunkId(id, number)))] as const;
  return new Map(await mapEach(numbers, AT_ONCE, read));
}

/** Reports an ended campaign if less than half of its mails have events: SendGrid or our webhook lost them. */
export async function checkEvents(deps: CampaignReleaseDeps, campaign: Campaign): Promise<void> {
  const sent = sentOf(campaign);
  const count = sent - reportedOn(reportsOf(campaign));
  if (2 * count > sent) {
    await deps.report({ kind: 'events-missing', subject: campaign.id, count });
    deps.log.warn('accepted mails without events', { campaign: campaign.id, ...traceOf(campaign), count });
  }
  await campaigns(deps).change(campaign.id, (stored) => ({ ...stored, eventsChecked: true }), campaign);
}

type DropListsDeps = Omit<CampaignReleaseDeps, 'report'>;

const WITH_LISTS = todoKey(EMAILS_QUEUE, 'lists');
const AGAIN_MS = 24 * 3_600_000;

/**
 * Deletes the recipients, the rejected lines and the content of campaigns whose row goes now, or a day later if a chunk
 * can still be retried. It works once an hour. A run without time leaves the rest to the next one.
 */
export async function dropLists(deps: DropListsDeps, mayGoOn: () => boolean): Promise<void> {
  if (!deps.queueNames.includes(EMAILS_QUEUE) || !isFirstMinuteOfHour(deps.clock)) return;
  const drop = async (key: string) => {
    const campaign = await readCampaign(deps, key);
    if (campaign?.todo === WITH_LISTS && (campaign.todoAt ?? 0) <= deps.clock.now())
      await dropList(deps, campaign, mayGoOn);
  };
  await throughAll(everyDue(deps, { todo: WITH_LISTS, mayGoOn }), (keys) => throughAll(keys, drop));
}

async function dropList(deps: DropListsDeps, campaign: Campaign, mayGoOn: () => boolean): Promise<void> {
  const { clock, objects, prefix } = deps;
  for (const numbers of releasedPages(campaign, 500)) {
    if (!mayGoOn()) return;
    const rows = await rowsOf(deps, campaign, numbers);
    if (![...rows.values()].some(mayNeedList)) continue;
    await campaigns(deps).change(campaign.id, (now) => ({ ...now, listsAt: clock.now() + AGAIN_MS }), campaign);
    return;
  }
  const { home } = campaignKeys(prefix, campaign.id);
  for (let keys = [home]; keys.length > 0; ) {
    if (!mayGoOn()) return;
    keys = await objects.list(home, { limit: 1_000 });
    await mapEach(keys, AT_ONCE, (key) => objects.delete(key));
  }
  await campaigns(deps).change(campaign.id, (now) => ({ ...now, listsDropped: true }), campaign);
}

/** An ended chunk can be retried as long as its body is kept. */
const mayNeedList = (row: JobRow | undefined): boolean =>
  row !== undefined && (!isEnd(row.state) || row.bodyKept === true);
