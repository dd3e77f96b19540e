import { campaigns } from '../../../lib/emails/campaigns/campaign';
import { chunkSizeOf } from '../../../lib/emails/campaigns/chunk';
import { EMAIL_MESSAGE } from '../../../lib/emails/message';
import { busiest } from '../../support/rate-run';
import { createChance } from '../world/chance';
import { CALL_MS, emailService, layCampaign } from './campaigns';
import { envelopeOf, jobId } from './lay-down';
import type { ScalePlan } from './plan';

const SECOND_MS = 1_000;
/** Single mails begin after this, when the campaigns use the rate. */
const WARM_UP_MS = 60 * SECOND_MS;

/** What a single mail may wait, and what must be used of the rate. */
const MOST_WAIT_MS = 5 * SECOND_MS;
const LEAST_USED = 0.95;
const LEAST_CAMPAIGNS = 0.9;

export interface MailsLoad {
  /** Recipients per second. */
  rate: number;
  /** Single mails per second, at random moments. */
  mails: number;
}

/** What `mails` single mails saw beside two campaigns. Parts are of the rate. */
export interface MailsFigures {
  waits: number[];
  used: number;
  byCampaigns: number;
  /** The most that was sent in any two seconds, over what the limit allows there: its recipients and one chunk. */
  busiest: number;
  minutes: number;
  calls: number;
  violation?: string;
}

const plan = (name: string, load: MailsLoad): ScalePlan => ({
  name: `mails-${name}`,
  what: `single mails, ${load.mails} a second, beside campaigns at ${load.rate.toLocaleString('en')} recipients a second`,
  size: 150,
  largest: 3_000,
  run: async (size) => {
    const figures = await mailsBesideCampaigns(size, load);
    const violation = figures.violation ?? broken(figures);
    return { minutes: figures.minutes, calls: figures.calls, ...(violation ? { violation } : {}) };
  },
});

/** The loads that the plans and the benchmark run. */
export const MAILS_LOADS = {
  slow: { rate: 100, mails: 2 },
  'slow-many': { rate: 100, mails: 4 },
  fast: { rate: 2_500, mails: 4 },
} satisfies Record<string, MailsLoad>;

export const MAILS_PLANS = Object.entries(MAILS_LOADS).map(([name, load]) => plan(name, load));

/** `part` of the waits are at most this. */
export const waitOf = (waits: readonly number[], part: number): number =>
  waits.toSorted((a, b) => a - b)[Math.min(waits.length - 1, Math.floor(waits.length * part))] ?? 0;

function broken({ waits, used, byCampaigns, busiest }: MailsFigures): string | undefined {
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  const wait = waitOf(waits, 0.99);
  if (wait > MOST_WAIT_MS) return `fairness: of 100 single mails, one waits for ${wait} ms`;
  if (used < LEAST_USED) return `fairness: ${percent(used)} of the rate was used`;
  if (byCampaigns < LEAST_CAMPAIGNS) return `fairness: campaigns used ${percent(byCampaigns)} of the rate`;
  return busiest > 1 ? `rate: ${percent(busiest)} of the limit was sent` : undefined;
}

/** Sends `size` single mails, while two campaigns have more to send than the rate allows. */
export async function mailsBesideCampaigns(size: number, { rate, mails }: MailsLoad): Promise<MailsFigures> {
  const sent: { at: number; recipients: number; use: 'campaign' | 'message'; waitedMs: number }[] = [];
  const asked = new Map<string, number>();
  const chunkSize = chunkSizeOf(rate);
  const service = emailService(rate, ({ call, now }) => ({ recipients }) => {
    const { campaign, job = '' } = recipients[0]?.customArgs ?? {};
    const use = campaign === undefined ? 'message' : 'campaign';
    sent.push({ at: now(), recipients: recipients.length, use, waitedMs: now() - (asked.get(job) ?? now()) });
    return call(CALL_MS, () => ({}));
  });
  const start = service.now();
  const lastedMs = (size / mails) * SECOND_MS;
  const recipients = 2 * rate * ((WARM_UP_MS + lastedMs) / SECOND_MS + 60);
  for (const id of [jobId(1), jobId(2)]) {
    const large = await layCampaign(service, { id, recipients, chunkSize });
    await campaigns(service.before).start({ ...large, id, source: '/scale/api', time: start, startsAt: start });
  }
  const chance = createChance(2);
  for (let n = 0; n < size; n++) {
    const at = WARM_UP_MS + chance.fraction() * lastedMs;
    const id = jobId(1_000 + n);
    const data = { from: { email: 'news@example.com' }, to: { email: 'u@example.com' }, subject: 'S', text: 'T' };
    const envelope = envelopeOf(1_000 + n, { type: EMAIL_MESSAGE, time: start + at, data });
    service.after(at, () => {
      asked.set(id, service.now());
      service.send(JSON.stringify(envelope), { group: id, deduplication: id });
    });
  }

  const end = start + WARM_UP_MS + lastedMs;
  const arrived = () => sent.filter(({ use }) => use === 'message').length;
  const { minutes, calls, violation } = await service.run({
    withinMs: WARM_UP_MS + lastedMs + 60 * SECOND_MS,
    done: () => service.now() >= end && arrived() === size,
  });
  const window = sent.filter(({ at }) => at >= start + WARM_UP_MS && at < end);
  const part = (of: typeof sent) =>
    of.reduce((sum, each) => sum + each.recipients, 0) / (rate * (lastedMs / SECOND_MS));
  return {
    waits: sent.flatMap(({ use, waitedMs }) => (use === 'message' ? [waitedMs] : [])),
    used: part(window),
    byCampaigns: part(window.filter(({ use }) => use === 'campaign')),
    busiest: busiest(sent, 2 * SECOND_MS) / (2 * rate + chunkSize + 1),
    minutes,
    calls,
    ...(violation ? { violation } : {}),
  };
}
