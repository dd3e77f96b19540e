import * as z from 'zod';
import { readDue, renewable, type Stored, writeItem } from '../../../engine/jobs/items';
import { todoKey } from '../../../engine/jobs/keys';
import { ROW_LIFETIME_MS } from '../../../engine/jobs/schedule';
import { mapEach, throughAll } from '../../../platform/concurrency';
import { groupBy } from '../../../platform/group-by';
import { type EventNote, eventNotes, ofKinds, REPORT_KINDS, type ReportKind } from '../events/webhook';
import { EMAILS_QUEUE, reportsKey } from '../queue';
import { type Campaign, campaigns, NO_REPORTS, type Reports } from './campaign';
import { AT_ONCE, type CampaignReleaseDeps, reportDamage } from './chunks';

/*
 * The guard pauses a campaign whose mails bounce or are reported as spam too often.
 *
 * The webhook notes about whom a request of SendGrid was, in one item. Before each release the reconciler sets those recipients'
 * bits, counts the bits of the whole campaign, pauses it if a limit is exceeded, and deletes the notes last. A set bit
 * stays set. So repeated, late and reordered events change nothing, and after a crash the next run does the same again.
 *
 * Every mail carries how often its campaign had been resumed. Each resume has bits of its own, so a late event about an
 * earlier mail counts among the earlier ones.
 */

/** Recipients of an item, so that it fits the table. */
const PAGE = 40_000;
/** Notes of one run. The next run reads the others. */
const MOST_NOTES = 2_000;
/** Notes about a damaged campaign are due again after this time. */
const DAMAGED_MS = 10 * 60_000;

/** The bits of `PAGE` recipients, in hex (key `reports#{campaign}#{resumes}#{page}`). */
const pagesOfBits = renewable(
  { bits: z.object(ofKinds(() => z.string().regex(/^[\da-f]+$/))) },
  { bits: ofKinds(() => '0') },
);

/** Counts what SendGrid has reported since the last run, and pauses campaigns. */
export async function guardCampaigns(deps: CampaignReleaseDeps, mayGoOn: () => boolean): Promise<void> {
  const todo = todoKey(EMAILS_QUEUE, 'reports');
  const notes = await readDue(deps, eventNotes, { todo, mayGoOn, most: MOST_NOTES });
  const groups = groupBy(notes, ({ campaign, round }) => `${campaign} ${round}`);
  const foldGroup = (group: readonly EventNote[]) =>
    fold(deps, group).catch(async (error: unknown) => {
      await reportDamage(deps)(error);
      // A run reads the oldest notes, so these would keep it from those about other campaigns.
      const todoAt = deps.clock.now() + DAMAGED_MS;
      await mapEach(group, AT_ONCE, (note) => writeItem(deps, { ...note, todoAt }, note.version));
    });
  await throughAll(groups.values(), async (group) => mayGoOn() && foldGroup(group));
}

async function fold(deps: CampaignReleaseDeps, notes: readonly EventNote[]): Promise<void> {
  const [{ campaign: id, round } = { campaign: '', round: 0 }] = notes;
  const store = campaigns(deps);
  const campaign = await store.read(id);
  if (campaign && round <= campaign.round) {
    await setBits(deps, campaign, round, notes);
    const reports = await countBits(deps, campaign, round);
    await store.count(campaign, (stored) => {
      if (REPORT_KINDS.every((kind) => stored.reports[round]?.[kind] === reports[kind])) return undefined;
      return { ...stored, reports: stored.reports.with(round, reports) };
    });
  }
  await mapEach(notes, AT_ONCE, ({ key, version }) => deps.table.delete(key, version));
}

async function setBits(deps: CampaignReleaseDeps, campaign: Campaign, round: number, notes: readonly EventNote[]) {
  const { id, recipients } = campaign;
  const pages = new Map<number, Record<ReportKind, Buffer>>();
  for (const { places } of notes)
    for (const kind of REPORT_KINDS)
      for (const number of places[kind] ?? []) {
        if (number >= recipients) continue;
        const page = Math.floor(number / PAGE);
        const digits = pages.get(page) ?? ofKinds(() => Buffer.alloc(PAGE, '0'));
        pages.set(page, digits);
        digits[kind].write('1', number % PAGE);
      }
  await mapEach([...pages], AT_ONCE, async ([page, digits]) => {
    const key = reportsKey(id, round, page);
    await pagesOfBits.update(deps, key, (stored) => {
      const before = bitsOf(stored);
      const bits = ofKinds((kind) => (before[kind] | BigInt(`0b${digits[kind]}`)).toString(16));
      if (REPORT_KINDS.every((kind) => bits[kind] === stored?.bits[kind])) return undefined;
      const expiresAt = Math.ceil((deps.clock.now() + ROW_LIFETIME_MS) / 1000);
      return { ...(stored ?? { key, version: 0, writer: '' }), bits, expiresAt };
    });
  });
}

const bitsOf = (stored: Stored<typeof pagesOfBits> | undefined) =>
  ofKinds((kind) => BigInt(`0x${stored?.bits[kind] ?? 0}`));

/** Each recipient counts as the first of these fates: a bounce is final, and who reports or leaves has the mail. */
async function countBits(deps: CampaignReleaseDeps, { id, recipients }: Campaign, round: number): Promise<Reports> {
  const pages = Array.from({ length: Math.ceil(recipients / PAGE) }, (_, page) => page);
  const items = await mapEach(pages, AT_ONCE, (page) => pagesOfBits.read(deps, reportsKey(id, round, page)));
  const counts = { ...NO_REPORTS };
  for (const item of items) {
    const { delivered, reported, unsubscribed, ...other } = bitsOf(item);
    const { bounced, blocked, dropped, deferred } = other;
    let before = 0n;
    for (const [fate, bits] of Object.entries({
      bounced,
      blocked,
      delivered: delivered | reported | unsubscribed,
      dropped,
      deferred,
    })) {
      counts[fate as ReportKind] += ones(bits & ~before);
      before |= bits;
    }
    counts.reported += ones(reported);
    counts.unsubscribed += ones(unsubscribed);
  }
  return counts;
}

const ones = (bits: bigint): number => bits.toString(2).split('1').length - 1;
