import { envelopeOf, jobId, layHeld } from './lay-down';
import { limitedVendor } from './limited-vendor';
import type { ScalePlan } from './plan';
import { type Service, startService } from './service';
import { TICKET_TYPE, TICKETS, ticketContract } from './ticket-contract';

const MINUTE_MS = 60_000;
const STAY_MS = 55_000;

/** The part of the vendor's rate that new jobs use. */
const NEW_PART = 0.05;
/** The time in which the reconciler finds out how many requests the vendor accepts. */
const SLOW_START_MINUTES = 6;

/** A vendor recovers after an outage of two hours, and accepts so many requests a minute. */
const recovery = ({
  aMinute,
  concurrency,
  minutes,
  ...plan
}: Pick<ScalePlan, 'name' | 'what' | 'size' | 'largest'> & {
  aMinute: (size: number) => number;
  concurrency: number;
  minutes: (size: number) => number;
}): ScalePlan => ({
  ...plan,
  async run(size) {
    const done = new Map<string, number>();
    let refused = () => 0;
    const service = startService({
      concurrency,
      stayMs: STAY_MS,
      contract: (vendor) => {
        const limited = limitedVendor({ now: vendor.now, aMinute: aMinute(size), offsetMs: 25_000 });
        refused = limited.refused;
        return ticketContract(vendor, (id) => {
          limited.request();
          done.set(id, vendor.now());
        });
      },
    });
    await layDown(service, size);
    let fresh = 0;
    const isDrained = () => done.size - fresh >= size;
    const newJobs = aMinute(size) * NEW_PART;
    const sent = sendNew(service, { from: size + 1, aMinute: Math.min(newJobs, 35), until: isDrained });

    return service.run({
      done: () => {
        fresh = [...sent.keys()].filter((id) => done.has(id)).length;
        if (!isDrained()) return false;
        const late = [...sent].filter(([id, at]) => (done.get(id) ?? service.now()) - at > 2 * MINUTE_MS).length;
        if (late > 0) return `bystanders: ${late} of ${sent.size} new jobs wait`;
        if (refused() > size / 2) return `requests in vain: the vendor refused ${refused()}`;
        return true;
      },
      withinMs: minutes(size) * MINUTE_MS,
    });
  },
});

/** Zendesk's limit for most plans. A small plan uses a lower one, so that it takes some time too. */
const zendesk = (size: number): number => Math.min(700, Math.ceil(size / 10));

/** The vendor's limit decides how long the recovery takes. Each new job waits two minutes at most. */
export const limitedRecovery: ScalePlan = recovery({
  name: 'recovery',
  what: 'held jobs after an outage, a vendor with a limit',
  size: 1_500,
  largest: 100_000,
  aMinute: zendesk,
  concurrency: 10,
  minutes: (size) => size / (zendesk(size) * (1 - NEW_PART)) + SLOW_START_MINUTES,
});

/** The vendor has no limit. After six minutes the reconciler releases five thousand jobs a minute. */
export const unlimitedRecovery: ScalePlan = recovery({
  name: 'recovery-unlimited',
  what: 'held jobs after an outage, a vendor without a limit',
  size: 2_000,
  largest: 100_000,
  aMinute: () => Number.POSITIVE_INFINITY,
  concurrency: 200,
  minutes: (size) => SLOW_START_MINUTES + Math.max(0, size - 6_000) / 5_000,
});

/** Stores jobs that were held one after another in an outage of two hours, until a time or by the circuit breaker. */
async function layDown(service: Service, size: number): Promise<void> {
  const now = service.now();
  for (let n = 1; n <= size; n++) {
    const at = now - Math.round(2 * 60 * MINUTE_MS * (1 - n / size));
    const envelope = envelopeOf(n, { type: TICKET_TYPE, time: at });
    const reason = n % 2 === 0 ? 'throttled' : 'stopped';
    const held = { reason, vendor: 'zendesk', retryAt: at } as const;
    await layHeld(service, { queue: TICKETS, envelope, group: `g${n}`, now: at }, held);
  }
}

/** Sends new jobs at even intervals. Answers when each was sent, by id. */
function sendNew(
  service: Service,
  { from, aMinute, until }: { from: number; aMinute: number; until: () => boolean },
): ReadonlyMap<string, number> {
  const sent = new Map<string, number>();
  let n = from;
  const next = () => {
    if (until()) return;
    const id = jobId(n++);
    const now = service.now();
    sent.set(id, now);
    const envelope = { ...envelopeOf(1, { type: TICKET_TYPE, time: now }), id };
    service.send(JSON.stringify(envelope), { group: id, deduplication: id });
    service.after(MINUTE_MS / aMinute, next);
  };
  service.after(MINUTE_MS / aMinute, next);
  return sent;
}
