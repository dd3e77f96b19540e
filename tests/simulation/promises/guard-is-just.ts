import { jobKey } from '../../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../../lib/engine/jobs/row';
import { suppressionList } from '../../../lib/mail/suppression';
import type { ItemHead } from '../../../lib/platform/ports';
import { type Campaign, NO_REPORTS } from '../../../lib/queues/emails/campaigns/campaign';
import { campaignKey, EMAILS_QUEUE } from '../../../lib/queues/emails/queue';
import type { AcceptedMail } from '../../../packages/local/fakes/sendgrid';
import { hashPeople } from '../../support/hash-people';
import { skewOf } from '../draw/plan';
import { campaignsOf, isCampaign } from '../world/campaigns';
import { GUARD } from '../world/names';
import type { World } from '../world/types';
import type { Promised } from './rest';

/** What the guard must see in a campaign's own counts, or `undefined`. */
function excess({ reports, round, ended }: Campaign): string | undefined {
  const { delivered, bounced, reported } = reports[round] ?? NO_REPORTS;
  const percent = (part: number, of: number) => (100 * part) / Math.max(1, of);
  if (delivered + bounced < GUARD.least) return undefined;
  if (percent(bounced, delivered + bounced) > GUARD.bounces) return 'TooManyBounces';
  if (reported >= GUARD.leastReports && percent(reported, delivered) > GUARD.reports) return 'TooManySpamReports';
  return percent(ended.refused, ended.chunks) > GUARD.refused ? 'TooManyRefused' : undefined;
}

const WAIT_PART = 0.7;

const isGuards = ({ status, reason }: Campaign): boolean => status === 'paused' && /^TooMany/.test(reason ?? '');

/** Whether a chunk ended and its mails may be out. One that an operator retries had ended before. */
const mayBeOut = ({ state, steps, generation }: JobRow): boolean =>
  (isEnd(state) || generation > 1) && /started|unknown/.test(steps.send?.status ?? '');

const isRetried = (item: ItemHead | undefined): boolean => ((item as Partial<JobRow> | undefined)?.generation ?? 1) > 1;

/**
 * The guard pauses once and for a reason, at once, and a mail belongs to the counts since the resume before it. A first
 * wave is not larger than it may be.
 */
export function watchGuard({ queue, watch, kernel, plan, onItem, onRow, onMails }: World): void {
  if (!queue.controlled) return;
  const resumed = new Map<string, number[]>();
  const pausedIn = new Map<string, number>();
  const sent = new Map<string, number>();
  /** By campaign. An operator may settle such a chunk later, as not sent. The wave has counted it by then. */
  const doubtful = new Map<string, Set<string>>();
  onRow.push((row) => {
    const { parent = '', id } = row;
    if (mayBeOut(row)) doubtful.set(parent, (doubtful.get(parent) ?? new Set()).add(id));
  });
  onItem.push((item, last) => {
    if (!isCampaign(item)) return;
    const { id, status, reason, round, wave } = item;
    const isResumed = last?.status === 'paused' && status === 'running';
    if (isResumed) resumed.set(id, [...(resumed.get(id) ?? []), kernel.now()]);
    if ((isResumed || !last) && !wave) watch.violated(`the guard: campaign ${id} runs without a first wave`);
    const mayBeMore = item.chunkSize * (doubtful.get(id)?.size ?? 0);
    if ((wave?.mails ?? 0) > (sent.get(id) ?? 0) + mayBeMore)
      watch.violated(`the guard: the first wave of campaign ${id} counts ${wave?.mails} of ${sent.get(id)} mails`);
    const says = `the guard: campaign ${id} is ${status} (${reason}), with ${JSON.stringify(item.reports)}`;
    if (status === 'running' && excess(item)) watch.violated(`${says}, although ${excess(item)}`);
    if (!isGuards(item) || (last && isGuards(last as ItemHead as Campaign))) return;
    if (excess(item) !== reason) watch.violated(`${says}, without that reason`);
    if (pausedIn.get(id) === round) watch.violated(`${says} a second time since its last resume`);
    pausedIn.set(id, round);
  });
  onMails.push((mails) => {
    const { campaign: id = '', round } = mails[0]?.customArgs ?? {};
    const item: ItemHead | undefined = watch.items.get(campaignKey(id));
    if (!item || !isCampaign(item)) return;
    // A chunk that an operator retries goes at once, beside the wave.
    const mine = mails.filter(({ customArgs: { job = '' } }) => !isRetried(watch.items.get(jobKey(EMAILS_QUEUE, job))));
    const count = (sent.get(`${id} ${round}`) ?? 0) + mine.length;
    sent.set(`${id} ${round}`, count);
    sent.set(id, (sent.get(id) ?? 0) + mails.length);
    if (item.wave && Number(round) === item.round && count > GUARD.first)
      watch.violated(`the guard: the first wave of campaign ${id} has ${count} mails`);
    const resumes = resumed.get(id) ?? [];
    // A worker reads the campaign at the start of its run, and waits for its slot for at most two thirds of it.
    const settled = resumes.filter((at) => at < kernel.now() - WAIT_PART * queue.functionTimeoutMs - skewOf(plan));
    if (Number(round) < settled.length || Number(round) > resumes.length)
      watch.violated(`the guard: a mail of campaign ${id} names ${round} of ${resumes.length} resumes`);
  });
}

/** Who bounced, reported a mail or left is in the list, whatever came twice, late or in another order. */
export const listIsFull: Promised = async ({ queue, noted, vendors: { reported }, stores: { objects } }) => {
  if (!queue.controlled) return undefined;
  const reasonOf = await suppressionList({ objects, prefix: 'jobs', hashPeople }).check();
  const missing = [...reported].find(
    ([
      {
        to: [email = ''],
      },
      events,
    ]) => {
      const reason = reasonOf(email);
      if (events.has('spamreport')) return reason !== 'reported' && reason !== 'erased';
      return events.has('bounce') && !reason;
    },
  );
  const left = [...noted].find(([email, { reason }]) => reason === 'unsubscribed' && !reasonOf(email));
  if (left) return 'the list fills itself: an address is missing that a caller noted';
  return missing && `the list fills itself: an address is missing that was reported as ${[...missing[1]].join()}`;
};

/** A campaign counts each recipient once, whatever came twice, late or in another order. */
export const guardIsExact: Promised = (world) => {
  if (!world.queue.controlled) return undefined;
  for (const campaign of campaignsOf(world))
    for (let round = 0; round <= campaign.round; round++) {
      const wanted = countsOf(world, campaign, round);
      const { delivered = 0, deferred = 0, bounced = 0, reported = 0 } = campaign.reports[round] ?? {};
      const counted = [delivered, deferred, bounced, reported].join();
      if (counted !== wanted) return `the guard: campaign ${campaign.id} counts ${counted} in ${round}, not ${wanted}`;
    }
  return undefined;
};

function countsOf({ vendors: { sendgrid, reported } }: World, { id }: Campaign, round: number): string {
  const mails = sendgrid.mails.filter(({ customArgs: of }) => of.campaign === id && of.round === String(round));
  const told = (mail: AcceptedMail, event: string) => reported.get(mail)?.has(event) ?? false;
  const bounced = mails.filter((mail) => told(mail, 'bounce'));
  const others = mails.filter((mail) => !bounced.includes(mail));
  const arrived = others.filter((mail) => told(mail, 'delivered') || told(mail, 'spamreport'));
  const deferred = others.filter((mail) => !arrived.includes(mail) && told(mail, 'deferred'));
  const spam = mails.filter((mail) => told(mail, 'spamreport'));
  return [arrived, deferred, bounced, spam].map(({ length }) => length).join();
}
