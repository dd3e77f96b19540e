import { campaigns, chunkSizeOf } from '../../../lib/emails/campaigns/campaign';
import { EMAIL_MESSAGE } from '../../../lib/emails/message';
import { busiest } from '../../support/rate-run';
import { createChance } from '../world/chance';
import { CALL_MS, emailService, layCampaign } from './campaigns';
import { envelopeOf, jobId } from './lay-down';
import type { ScalePlan } from './plan';
import type { ScaleResult } from './service';

const SECOND_MS = 1_000;
/** Single mails begin after this, when the campaigns use the rate. */
const WARM_UP_MS = 60 * SECOND_MS;

/** What a single mail may wait, and what must be used of the rate. */
const MOST_WAIT_MS = 5 * SECOND_MS;
const LEAST_USED = 0.95;
const LEAST_CAMPAIGNS = 0.9;

interface Load {
  rate: number;
  /** Single mails per second, at random moments. */
  mails: number;
}

const plan = (name: string, load: Load): ScalePlan => ({
  name: `mails-${name}`,
  what: `single mails, ${load.mails} a second, beside campaigns at ${load.rate.toLocaleString('en')} recipients a second`,
  size: 150,
  largest: 3_000,
  run: (size) => mailsBesideCampaigns(size, load),
});

export const MAILS_PLANS = [
  plan('slow', { rate: 100, mails: 2 }),
  plan('slow-many', { rate: 100, mails: 4 }),
  plan('fast', { rate: 2_500, mails: 4 }),
];

/** Sends `size` single mails, while two campaigns have more to send than the rate allows. */
async function mailsBesideCampaigns(size: number, { rate, mails }: Load): Promise<ScaleResult> {
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
  const result = await service.run({
    withinMs: WARM_UP_MS + lastedMs + 60 * SECOND_MS,
    done: () => service.now() >= end && arrived() === size,
  });
  return { ...result, ...(result.violation === undefined && broken()) };

  function broken(): Pick<ScaleResult, 'violation'> {
    const window = sent.filter(({ at }) => at >= start + WARM_UP_MS && at < end);
    const part = (of: typeof sent) =>
      of.reduce((sum, each) => sum + each.recipients, 0) / (rate * (lastedMs / SECOND_MS));
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
    const waits = sent.flatMap(({ use, waitedMs }) => (use === 'message' ? [waitedMs] : [])).sort((a, b) => a - b);
    const wait = waits[Math.floor(waits.length * 0.99)] ?? 0;
    const [used, byCampaigns] = [part(window), part(window.filter(({ use }) => use === 'campaign'))];
    // What the limit allows in two seconds: its recipients and one chunk.
    const most = busiest(sent, 2 * SECOND_MS) / (2 * rate + chunkSize + 1);
    if (wait > MOST_WAIT_MS) return { violation: `fairness: of 100 single mails, one waits for ${wait} ms` };
    if (used < LEAST_USED) return { violation: `fairness: ${percent(used)} of the rate was used` };
    if (byCampaigns < LEAST_CAMPAIGNS)
      return { violation: `fairness: campaigns used ${percent(byCampaigns)} of the rate` };
    return most > 1 ? { violation: `rate: ${percent(most)} of the limit was sent` } : {};
  }
}
