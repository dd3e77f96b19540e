import { StoreError } from '../../../lib/errors';
import { envelopeOf, jobId, layHeld } from './lay-down';
import type { ScalePlan } from './plan';
import { startService } from './service';
import { TICKET_TYPE, TICKETS, ticketContract } from './ticket-contract';

const MINUTE_MS = 60_000;
/** A minute between two runs of the reconciler, plus the time of its work. */
const LONGEST_WAIT_MS = 75_000;
const LASTS_MS = 2 * 60 * MINUTE_MS;
/** One job in this many can be released. */
const GOOD = 50;
/** The most tries in two hours: at 0, 1, 2, 4, … minutes, then once an hour. */
const MOST_TRIES = 8;

/**
 * Jobs with an unreadable body, and a few good ones between them. The good ones must not wait, and the others must cost
 * little.
 */
export const failingRows: ScalePlan = {
  name: 'failing',
  what: 'held jobs, almost all of which cannot be released',
  size: 800,
  largest: 10_000,
  async run(size) {
    const done = new Map<string, number>();
    const isGood = (n: number) => n % GOOD === GOOD / 2;
    const service = startService({
      stayMs: 55_000,
      contract: (vendor) => ticketContract(vendor, (id) => void done.set(id, vendor.now())),
      unreadable: (key) =>
        isGood(Number.parseInt(key.slice(-12), 16))
          ? undefined
          : new StoreError({ code: 'S3.InvalidObjectState', message: 'archived' }),
    });
    const begun = service.now();
    const dueAt = new Map<string, number>();
    for (let n = 1; n <= size; n++) {
      // Half of the jobs are due at the start, the others one after another.
      const due = n <= size / 2 ? begun : begun + Math.round(LASTS_MS * (n / size - 0.5));
      if (isGood(n)) dueAt.set(jobId(n), due);
      const envelope = envelopeOf(n, { type: TICKET_TYPE, time: begun });
      await layHeld(
        service,
        { queue: TICKETS, envelope, group: `g${n}`, now: begun },
        { reason: 'retry', retryAt: due },
      );
    }

    return service.run({
      done: () => {
        const now = service.now();
        for (const [id, due] of dueAt) {
          const at = done.get(id) ?? now;
          if (at - due > LONGEST_WAIT_MS) return `bystanders: ${id} waits behind jobs that fail`;
        }
        const tries = service.calls.get('objects.get') ?? 0;
        if (tries > MOST_TRIES * size) return `tries in vain: ${tries} of ${size} jobs`;
        return now - begun >= LASTS_MS;
      },
      withinMs: LASTS_MS + MINUTE_MS,
    });
  },
};
