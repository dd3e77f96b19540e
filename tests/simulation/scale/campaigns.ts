import { rhythmOf } from '../../../handlers/startup/reconciler';
import { sha256 } from '../../../lib/engine/jobs/envelope';
import { sharedRate } from '../../../lib/mail/rate';
import type { Mail } from '../../../lib/mail/sendgrid';
import { suppressionList } from '../../../lib/mail/suppression';
import { TransientError } from '../../../lib/platform/errors';
import { type Campaign, campaigns, chunkSizeOf, reportsOf } from '../../../lib/queues/emails/campaigns/campaign';
import { takeEvents } from '../../../lib/queues/emails/events/webhook';
import { campaignKeys } from '../../../lib/queues/emails/manifest';
import { type CampaignJob, EMAIL_CAMPAIGN, EMAIL_MESSAGE } from '../../../lib/queues/emails/message';
import { emailsContract } from '../../../lib/queues/emails/process';
import { campaignKey, EMAILS_QUEUE } from '../../../lib/queues/emails/queue';
import { eventsOf } from '../../../packages/local/fakes/sendgrid';
import { jobId } from '../../support/engine';
import { busiest } from '../../support/rate-run';
import { MINUTE_MS, SECOND_MS } from '../draw/build';
import { createChance } from '../world/chance';
import { envelopeOf, type ScalePlan, type ScaleResult, type Service, scalePlan, startService } from './service';

const MILLION = 1_000_000;
const FEW = 20;
/** The bound from acceptance to SendGrid for a campaign that starts beside a large one and a few others. */
const SOON_MS = 30 * SECOND_MS;
/** The further time for each campaign beside it. */
const EACH_MORE_MS = 550;
/** Just after the reconciler's first run has looked for the last time. */
const RUN_OVER_MS = 57_500;
const MOST_UNEQUAL = 1.1;
const CALL_MS = 300;
/** One object stands in for the recipients of every chunk. */
const PART_KEY = 'part';

/** A request to SendGrid: a single mail has no campaign. */
interface Sent {
  at: number;
  campaign: string;
  job: string;
  recipients: number;
  mails: Mail['recipients'];
}

interface Options {
  rate: number;
  /** Whether the large campaign's chunks take ten seconds of the rate. */
  old?: boolean;
  /** Whether SendGrid refuses the large campaign's chunks once the newest campaign has begun. */
  fails?: boolean;
  at?: number;
  /** How many chunks each campaign sends while their shares are compared. */
  rounds?: number;
  /** The part of the rate that the campaigns must use. */
  leastUsed?: number;
}

const LARGE = jobId(1);

function plan(name: string, how: string, { size = FEW, ...options }: Options & { size?: number }): ScalePlan {
  const what = `campaigns beside one of a million${how}`;
  return scalePlan(`campaigns-${name}`, what, [size, 1_000], (items) => share(items, options));
}

const OLD: Options = { rate: 100, old: true };

export const CAMPAIGN_PLANS = [
  plan('slow', ', at 100 recipients a second', { rate: 100 }),
  plan('fast', ', at 2,500 recipients a second', { size: 12, rate: 2_500, at: 10_000, rounds: 12 }),
  plan('old', ' in chunks of ten seconds', { ...OLD, size: 10, rounds: 25 }),
  plan('failing', ' whose chunks fail', { ...OLD, size: 1, rounds: 180, fails: true, leastUsed: 0.4 }),
];

/**
 * While a campaign of a million runs, the producer accepts `size` others and then one more. The last one must reach
 * SendGrid soon. From then on all campaigns must share the rate equally.
 */
async function share(size: number, options: Options) {
  const { rate, old = false, fails = false, at: accepted = RUN_OVER_MS, rounds = 15, leastUsed = 0.95 } = options;
  const sent: Sent[] = [];
  const newest = jobId(size + 2);
  const begins = () => sent.find(({ campaign }) => campaign === newest)?.at;
  const chunkSize = chunkSizeOf(rate);
  const service = emailService(rate, (mail) => {
    const refused = fails && mail.campaign === LARGE && begins() !== undefined;
    if (!refused) sent.push(mail);
    return !refused;
  });
  const start = service.now();
  const large = await begin(service, { id: LARGE, recipients: MILLION, chunkSize: old ? 10 * rate : chunkSize });
  const recipients = 4 * rounds * chunkSize;
  for (let n = 2; n <= size + 2; n++) await acceptAfter(service, accepted, { n, recipients, chunkSize });

  const soonMs = SOON_MS + Math.max(0, size - FEW) * EACH_MORE_MS;
  const windowMs = (rounds * (size + 2) * chunkSize * SECOND_MS) / rate;
  return service.run({
    withinMs: accepted + soonMs + windowMs + SECOND_MS,
    done: () => {
      const first = begins();
      const waited = (first ?? service.now()) - start - accepted;
      if (waited > soonMs) return `fairness: the newest campaign waits for more than ${soonMs / SECOND_MS} s`;
      if (first === undefined || service.now() < first + windowMs) return false;
      const window = sent.filter(({ at }) => at >= first && at < first + windowMs);
      const used = window.reduce((sum, each) => sum + each.recipients, 0) / (rate * (windowMs / SECOND_MS));
      if (used < leastUsed) return `fairness: ${(100 * used).toFixed(1)} % of the rate was used`;
      return unequal(window, size + 1, fails ? undefined : large.chunkSize + chunkSize) ?? true;
    },
  });
}

interface List {
  recipients: number;
  chunkSize: number;
}

/** Starts a campaign as its worker would. */
async function begin(service: Service, { id, ...list }: List & { id: string }): Promise<List> {
  const campaign = await layCampaign(service, { id, ...list });
  const time = service.now();
  await campaigns(service.deps).start({ ...campaign, id, source: '/scale/api', time, startsAt: time });
  return campaign;
}

/** The producer accepts the n-th campaign so many milliseconds later. */
async function acceptAfter(service: Service, ms: number, { n, ...list }: List & { n: number }): Promise<void> {
  const data = await layCampaign(service, { id: jobId(n), ...list });
  const envelope = envelopeOf(n, { type: EMAIL_CAMPAIGN, time: service.now() + ms, data });
  service.after(ms, () => service.send(envelope));
}

/** The queue of mails with its workers and the reconciler. `takes` says whether SendGrid takes a request. */
const emailService = (rate: number, takes: (mail: Sent) => boolean): Service =>
  startService({
    queue: EMAILS_QUEUE,
    contract: ({ deps, now, call }) =>
      emailsContract({
        ...deps,
        campaigns: campaigns(deps),
        senderDomains: [],
        suppression: suppressionList(deps),
        rate: sharedRate({ ...deps, rate }, 'sendgrid'),
        objects: { ...deps.objects, get: (key) => deps.objects.get(key.replace(/^.*recipients-\d+/, PART_KEY)) },
        sendgrid: {
          probe: () => call(CALL_MS, () => undefined),
          send: ({ recipients }) => {
            const { campaign = '', job = '' } = recipients[0]?.customArgs ?? {};
            const taken = takes({ at: now(), campaign, job, recipients: recipients.length, mails: recipients });
            return call(CALL_MS, () => {
              if (!taken) throw new TransientError({ code: 'SendgridDown', message: 'down', vendor: 'sendgrid' });
              return {};
            });
          },
        },
      }),
    settings: { visibility: 600 },
    timeoutMs: 100_000,
    remainingMs: 60_000,
    stayMs: rhythmOf({ RECONCILE_EVERY: 60, CANARY_EVERY: 0 }).stayMs,
  });

/**
 * The other campaigns must have equal shares. The large one may differ from them by one chunk of its own and one of
 * theirs.
 */
function unequal(sent: readonly Sent[], others: number, within: number | undefined): string | undefined {
  const shares = new Map<string, number>();
  for (const { campaign, recipients } of sent) shares.set(campaign, (shares.get(campaign) ?? 0) + recipients);
  const large = shares.get(LARGE) ?? 0;
  shares.delete(LARGE);
  const [least, most] = [Math.min(...shares.values()), Math.max(...shares.values())];
  if (shares.size < others || most > MOST_UNEQUAL * least)
    return `fairness: ${shares.size} of ${others} campaigns sent ${least} to ${most} recipients each`;
  if (within === undefined || (large >= least - within && large <= most + within)) return undefined;
  return `fairness: the large campaign sent ${large} recipients, the others ${least} to ${most} each`;
}

/** Stores a campaign's objects as its producer would. All its recipients are the same, which does not matter here. */
async function layCampaign(
  { objects, deps: { prefix } }: Service,
  { id, chunkSize, ...list }: List & { id: string },
): Promise<Omit<CampaignJob, 'name' | 'sendAt'>> {
  const keys = campaignKeys(prefix, id);
  const people = Array.from({ length: chunkSize }, (_, each) => JSON.stringify({ email: `user-${each}@example.com` }));
  const part = people.join('\n');
  const content = JSON.stringify({ from: { email: 'news@example.com' }, subject: 'News', text: 'There are news.' });
  const chunks = Math.floor(list.recipients / chunkSize);
  const recipients = chunks * chunkSize;
  const parts = Array.from({ length: chunks }, () => sha256(part));
  const manifest = JSON.stringify({ manifest: 1, campaign: id, content: sha256(content), parts, rejected: [] });
  const key = keys.manifest(sha256(manifest));
  await objects.put(`${PART_KEY}-${sha256(part)}.ndjson`, part, 'application/x-ndjson');
  await objects.put(keys.content(sha256(content)), content, 'application/json');
  await objects.put(key, manifest, 'application/json');
  const counts = { requested: recipients, duplicates: 0, rejected: 0, recipients, chunks };
  return { manifest: { key, sha256: sha256(manifest) }, ...counts, chunkSize };
}

/** Single mails begin after this, when the campaigns use the rate. */
const WARM_UP_MS = 60 * SECOND_MS;

/** What a single mail may wait, and what must be used of the rate. */
const MOST_WAIT_MS = 3 * SECOND_MS;
const LEAST_USED = 0.97;
const WINDOWS_MS = [SECOND_MS, 5 * SECOND_MS];
const LEAST_CAMPAIGNS = 0.9;

interface Load {
  rate: number;
  /** Single mails per second, at random moments. */
  mails: number;
}

function mailsPlan(name: string, load: Load): ScalePlan {
  const what = `single mails, ${load.mails} a second, beside campaigns at ${load.rate.toLocaleString('en')} recipients a second`;
  return scalePlan(`mails-${name}`, what, [150, 3_000], (size) => mailsBesideCampaigns(size, load));
}

export const MAILS_PLANS = [
  mailsPlan('slow', { rate: 100, mails: 2 }),
  mailsPlan('slow-many', { rate: 100, mails: 4 }),
  mailsPlan('fast', { rate: 2_500, mails: 4 }),
];

/** Sends `size` single mails, while two campaigns have more to send than the rate allows. */
async function mailsBesideCampaigns(size: number, { rate, mails }: Load): Promise<ScaleResult> {
  const sent: Sent[] = [];
  const asked = new Map<string, number>();
  const chunkSize = chunkSizeOf(rate, GUARD.first);
  const service = emailService(rate, (mail) => {
    sent.push(mail);
    return true;
  });
  const start = service.now();
  const lastedMs = (size / mails) * SECOND_MS;
  const recipients = 2 * rate * ((WARM_UP_MS + lastedMs) / SECOND_MS + 60);
  for (const id of [jobId(1), jobId(2)]) await begin(service, { id, recipients, chunkSize });
  const chance = createChance(2);
  for (let n = 0; n < size; n++) {
    const at = WARM_UP_MS + chance.fraction() * lastedMs;
    const data = { from: { email: 'news@example.com' }, to: { email: 'u@example.com' }, subject: 'S', text: 'T' };
    const envelope = envelopeOf(1_000 + n, { type: EMAIL_MESSAGE, time: start + at, data });
    service.after(at, () => {
      asked.set(envelope.id, service.now());
      service.send(envelope);
    });
  }

  const end = start + WARM_UP_MS + lastedMs;
  const single = () => sent.filter(({ campaign }) => campaign === '');
  const result = await service.run({
    withinMs: WARM_UP_MS + lastedMs + 60 * SECOND_MS,
    done: () => service.now() >= end && single().length === size,
  });
  return { ...result, ...(result.violation === undefined && broken()) };

  function broken(): Pick<ScaleResult, 'violation'> {
    const window = sent.filter(({ at }) => at >= start + WARM_UP_MS && at < end);
    const part = (of: typeof sent) =>
      of.reduce((sum, each) => sum + each.recipients, 0) / (rate * (lastedMs / SECOND_MS));
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    const waits = single()
      .map(({ at, job }) => at - (asked.get(job) ?? at))
      .sort((a, b) => a - b);
    const wait = waits[Math.floor(waits.length * 0.99)] ?? 0;
    const [used, byCampaigns] = [part(window), part(window.filter(({ campaign }) => campaign !== ''))];
    // What the limit allows in a second, and in five: its recipients and one request.
    const ofLimit = (ms: number) => busiest(sent, ms) / ((rate * ms) / SECOND_MS + chunkSize);
    const most = Math.max(...WINDOWS_MS.map(ofLimit));
    if (wait > MOST_WAIT_MS) return { violation: `fairness: of 100 single mails, one waits for ${wait} ms` };
    if (used < LEAST_USED) return { violation: `fairness: ${percent(used)} of the rate was used` };
    if (byCampaigns < LEAST_CAMPAIGNS)
      return { violation: `fairness: campaigns used ${percent(byCampaigns)} of the rate` };
    return most > 1 ? { violation: `rate: ${percent(most)} of the limit was sent` } : {};
  }
}

const GUARD = { bounces: 5, reports: 0.1, refused: 20, first: 500, wait: 600 };
const FAST = 2_500;
/** What a bad campaign may send, and how much later a good one may end than without a first wave. */
const MOST_OF_BAD = 1_000;
const MOST_DELAY_MS = 60 * SECOND_MS;

/** `bounces`: one recipient in so many bounces. Every mail has its event within `withinMs`. */
interface News {
  bounces: number;
  withinMs: number;
  wait?: number;
}

const wavePlan = (name: string, what: string, run: (size: number) => Promise<ScaleResult>): ScalePlan =>
  scalePlan(`campaigns-${name}`, `a campaign at 2,500 recipients a second ${what}`, [100_000, 100_000], run);

export const WAVE_PLANS = [
  wavePlan('bad', 'of which each eighth bounces within 20 s', async (size) => {
    const { campaign, sent, ...result } = await firstWave(size, { bounces: 8, withinMs: 20 * SECOND_MS });
    if (campaign?.reason !== 'TooManyBounces') return { ...result, violation: `the guard: it is ${campaign?.status}` };
    return sent > MOST_OF_BAD ? { ...result, violation: `the guard: ${sent} mails were sent` } : result;
  }),
  wavePlan('good', 'whose events come within 30 s', async (size) => {
    const news = { bounces: Number.POSITIVE_INFINITY, withinMs: 30 * SECOND_MS };
    const without = await firstWave(size, { ...news, wait: 0 });
    const { lastAt, ...result } = await firstWave(size, news);
    const delayMs = lastAt - without.lastAt;
    return delayMs > MOST_DELAY_MS ? { ...result, violation: `the guard: delayed by ${delayMs} ms` } : result;
  }),
];

/** Runs one campaign until it pauses, or until every event is counted. All counts must be exact. */
async function firstWave(size: number, { bounces, withinMs, wait = GUARD.wait }: News) {
  let sent = 0;
  let lastAt = 0;
  const told = { delivered: 0, bounced: 0 };
  const service = emailService(FAST, ({ at, job, mails }) => {
    const events = mails.flatMap(({ email, customArgs }, n) => {
      const bounced = (sent + n) % bounces === bounces - 1;
      told[bounced ? 'bounced' : 'delivered'] += 1;
      const of = { messageId: job, to: [email], customArgs: { ...customArgs, instance: service.deps.instance } };
      return eventsOf(of, bounced ? { event: 'bounce', type: 'bounce' } : 'delivered', at);
    });
    sent += mails.length;
    lastAt = at;
    // In parts, so that the guard sees some evidence early.
    for (let part = 1; part <= 5; part++) {
      const some = events.filter((_, n) => n % 5 === part - 1);
      service.after((withinMs * part) / 5, () => void takeEvents({ ...service.deps, clock: service.deps.clock }, some));
    }
    return true;
  });
  service.deps.guard = { ...GUARD, wait };
  await begin(service, { id: LARGE, recipients: size, chunkSize: chunkSizeOf(FAST, GUARD.first) });
  const stored = async () => (await service.deps.table.get(campaignKey(LARGE))) as Campaign | undefined;
  let campaign: Campaign | undefined;
  const look = () => void stored().then((found) => (campaign = found));
  const result = await service.run({
    withinMs: (size / FAST) * SECOND_MS + 5 * MINUTE_MS,
    done: () => {
      look();
      if (campaign?.status === 'running' || !campaign || service.now() < lastAt + withinMs + 70 * SECOND_MS)
        return false;
      const { delivered, bounced } = reportsOf(campaign);
      if (delivered === told.delivered && bounced === told.bounced) return true;
      return `the guard: counts ${delivered} and ${bounced}, not ${told.delivered} and ${told.bounced}`;
    },
  });
  return { ...result, campaign, sent, lastAt };
}
