import { fieldAtFault, readItem } from '../../engine/jobs/items';
import { todoKey } from '../../engine/jobs/keys';
import { heldNow, rateKey, rates } from '../../mail/rate';
import { mapEach } from '../../platform/concurrency';
import { PermanentError } from '../../platform/errors';
import { counted } from '../../platform/text';
import {
  type Campaign,
  type CampaignStatus,
  campaigns,
  chunkRecipients,
  type Reports,
  reportsOf,
  sentOf,
  storedCampaignSchema,
} from '../../queues/emails/campaigns/campaign';
import { rowsOf } from '../../queues/emails/campaigns/chunks';
import { readMail } from '../../queues/emails/manifest';
import { CAMPAIGNS, EMAILS_QUEUE } from '../../queues/emails/queue';
import { type CampaignReport, failedRecipients } from '../../queues/emails/report';
import { auditNote, OperatorError, type Reader } from './operator';

const DAY_MS = 24 * 3_600_000;
const MOST_READ = 1_000;
const AT_ONCE = 16;

/**
 * Campaigns that were accepted on the UTC day that begins at `day`, or in `days` from then. Without a day, those that
 * have not ended. The one that was accepted last comes first. `damaged`: so many do not
 * parse. `more`: not all were read.
 */
export async function listCampaigns(reader: Reader, day?: number, days = 1) {
  const { table } = reader;
  const limit = MOST_READ;
  const entries =
    day === undefined
      ? await table.due(todoKey(EMAILS_QUEUE, 'campaign'), { until: Number.MAX_SAFE_INTEGER, limit })
      : await table.accepted(CAMPAIGNS, { from: day, until: day + days * DAY_MS - 1, limit });
  const keys = entries.map(({ key }) => key);
  const { campaigns: found, damaged } = await read(reader, keys);
  // An ended one stays in the first index until the vendor's events about it are read.
  const listed = found.filter(({ endedAt }) => day !== undefined || endedAt === undefined);
  return { campaigns: listed, damaged, more: keys.length === limit };
}

export async function findCampaign(from: Reader, id: string): Promise<Campaign> {
  const campaign = await campaigns(from).read(id);
  if (campaign) return campaign;
  throw new OperatorError(
    `There is no campaign ${id}: its job has not begun it, or it ended more than 45 days ago. See its job: sls jobs show ${id}`,
  );
}

async function read(reader: Reader, keys: readonly string[]) {
  const items = (await mapEach(keys, AT_ONCE, (key) => readItem<Campaign>(reader, key))).flatMap((item) => item ?? []);
  const sound = items.filter((item) => fieldAtFault(storedCampaignSchema, item) === undefined);
  const campaigns = sound.sort((a, b) => b.time - a.time || (a.id < b.id ? -1 : 1));
  return { campaigns, damaged: items.length - sound.length };
}

/** The mail of a recipient of a campaign, counted from 1. `audited`: stores who reads it, before it is read. */
export async function campaignMail(from: Reader, id: string, number: number, audited: () => Promise<string>) {
  const campaign = await findCampaign(from, id);
  await audited();
  return ofLists(campaign, async () => ({
    ...(await readMail(from, campaign, number)),
    recipients: campaign.recipients,
  }));
}

export type CampaignDecision = 'pause' | 'resume' | 'cancel';

const BECOMES: Record<CampaignDecision, CampaignStatus> = { pause: 'paused', resume: 'running', cancel: 'cancelled' };

/**
 * Changes a campaign's status, and returns what was and what is. A repeat changes nothing. Rejects with an OperatorError
 * if it comes too late. `audited`: stores who does it, just before the change, and returns the id of that object.
 */
export async function decideCampaign(
  from: Reader,
  id: string,
  decision: CampaignDecision,
  audited: () => Promise<string>,
): Promise<string> {
  const before = await findCampaign(from, id);
  const note = auditNote(await audited());
  const store = campaigns(from);
  const { item: after = before } =
    decision === 'pause' ? await store.pause(id, 'operator', note) : await store[decision](id, note);
  if (after.status !== BECOMES[decision])
    throw new OperatorError(`${id} is ${statusOf(after)}: there is nothing to ${decision}.`);
  const rows = decision === 'resume' ? [] : await rowsOf(from, after, after.open);
  const running = [...rows].flatMap(([number, row]) =>
    row?.state === 'processing' && row.steps.send?.status !== 'done' ? [number] : [],
  );
  // A worker is about to send them.
  const underWay = recipientsIn(after, running);
  const more = underWay === 0 ? '' : ` ${counted(underWay, 'mail')} under way may still go out.`;
  return `${id}: was ${statusOf(before)}, is ${statusOf(after)}.${more}`;
}

const recipientsIn = (campaign: Campaign, chunks: readonly number[]): number =>
  chunks.reduce((sum, number) => sum + chunkRecipients(campaign, number), 0);

/** A rate is shown as long as SendGrid has accepted mails this recently. */
const RATE_FOR_MS = 60_000;

/** How far a campaign is: the mails that SendGrid has accepted, and what it has reported about them. */
export interface Progress extends Reports {
  sent: number;
  /** How fast SendGrid accepted mails in the last minute. Absent if it accepted none. */
  perSecond?: number;
  /** When the campaign ends at that rate, ms since 1970. */
  endsAt?: number;
}

/** From the campaign's item alone: seconds old, and the reports a minute or two. */
export function progressOf(campaign: Campaign, now: number): Progress {
  const { status, recipients, released, chunkSize, open, sent } = campaign;
  const [first, last] = [sent[0], sent.at(-1)];
  const left = recipients - Math.min(released * chunkSize, recipients) + recipientsIn(campaign, open);
  const progress = { sent: sentOf(campaign), ...reportsOf(campaign) };
  if (status !== 'running' || !first || !last || last.at === first.at || now - last.at > RATE_FOR_MS) return progress;
  const perSecond = ((last.recipients - first.recipients) * 1000) / (last.at - first.at);
  return { ...progress, perSecond: Number(perSecond.toFixed(1)), endsAt: Math.round(now + (left / perSecond) * 1000) };
}

/** Says why nothing more of a running campaign can be sent now, such as `waits for its window at 08:00 Europe/Berlin`. */
export async function waitsOf(reader: Reader): Promise<(campaign: Campaign) => string | undefined> {
  const { limits, clock } = reader;
  const stored = limits && (await rates.read(reader, rateKey('sendgrid')));
  return (campaign) => {
    const { status, wave } = campaign;
    if (status === 'running' && wave?.outAt) return `waits for events about its first ${counted(wave.mails, 'mail')}`;
    const recipients = chunkRecipients(campaign, campaign.released);
    const held = heldNow(limits, stored, { now: clock.now(), recipients });
    if (!held || status !== 'running') return undefined;
    return held.code === 'OutsideWindow'
      ? `waits for its window at ${held.text}`
      : `daily cap of ${limits?.dailyCap} reached, goes on at ${held.text}`;
  };
}

/** A campaign's state as people read it, e.g. `paused (SendgridRejected)`. */
export const statusOf = ({ status, reason }: { status: string; reason?: string | undefined }): string =>
  reason === undefined ? status : `${status} (${reason})`;

/** The recipients of a campaign by outcome, in the words of operators. Each recipient counts once. */
export const recipientsByOutcome = (report: CampaignReport): Record<string, number> => ({
  accepted: report.accepted,
  suppressed: report.suppressed,
  refused: report.refused,
  unknown: report.unknown,
  cancelled: report.cancelled,
  'under way': report.underWay,
  paused: report.paused,
  'not released': report.notReleased,
});

/** What `read` gets of a campaign's lists. Rejects with an OperatorError if they are gone. */
export async function ofLists<T>({ id, listsDropped }: Campaign, read: () => Promise<T>): Promise<T> {
  if (listsDropped) throw new OperatorError(`Campaign ${id}: its lists have been deleted.`);
  return read().catch((error: unknown) => {
    throw error instanceof PermanentError ? new OperatorError(`Campaign ${id}: ${error.message}.`) : error;
  });
}

/** The recipients who were refused, suppressed or bounced, a line each below a head. Addresses are personal. */
export async function failedAsCsv(deps: Reader, campaign: Campaign, line: (text: string) => void): Promise<void> {
  line('email,outcome,reason');
  await ofLists(campaign, async () => {
    for await (const values of failedRecipients(deps, campaign)) line(values.map(csvValue).join(','));
  });
}

export const csvValue = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
