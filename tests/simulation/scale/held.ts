import { StoreError, WaitError } from '../../../lib/errors';
import { jobId } from '../../support/engine';
import { startSample } from './sample';
import type { ScalePlan } from './service';

const MINUTE_MS = 60_000;
const STAY_MS = 55_000;
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
    const archived = new StoreError({ code: 'S3.InvalidObjectState', message: 'archived' });
    const sample = startSample(({ id }) => void done.set(id, sample.now()), { stayMs: STAY_MS });
    const { objects } = sample.deps;
    const { get } = objects;
    objects.get = async (key) => {
      const content = await get(key);
      if (!isGood(Number.parseInt(key.slice(-12), 16))) throw archived;
      return content;
    };
    const begun = sample.now();
    const dueAt = new Map<string, number>();
    for (let n = 1; n <= size; n++) {
      // Half of the jobs are due at the start, the others one after another.
      const due = n <= size / 2 ? begun : begun + Math.round(LASTS_MS * (n / size - 0.5));
      if (isGood(n)) dueAt.set(jobId(n), due);
      await sample.hold(n, { reason: 'retry', retryAt: due });
    }

    return sample.run({
      done: () => {
        const now = sample.now();
        for (const [id, due] of dueAt)
          if ((done.get(id) ?? now) - due > LONGEST_WAIT_MS) return `bystanders: ${id} waits behind jobs that fail`;
        const tries = sample.calls.get('objects.get') ?? 0;
        if (tries > MOST_TRIES * size) return `tries in vain: ${tries} of ${size} jobs`;
        return now - begun >= LASTS_MS;
      },
      withinMs: LASTS_MS + MINUTE_MS,
    });
  },
};

/** More jobs than the workers can handle. */
const NEW_A_MINUTE = 400;

/** A queue that is never empty. The reconciler must still release some held jobs each minute. */
export const neverEmpty: ScalePlan = {
  name: 'never-empty',
  what: 'held jobs of a queue whose workers are always busy',
  size: 80,
  largest: 800,
  async run(size) {
    const held = new Set<string>();
    const sample = startSample(({ id }) => void held.delete(id), { concurrency: 2, stayMs: STAY_MS });
    for (let n = 1; n <= size; n++) {
      held.add(jobId(n));
      await sample.hold(n, { reason: 'retry', retryAt: sample.now() });
    }
    let n = size;
    const next = () => {
      sample.sendJob(++n);
      sample.after(MINUTE_MS / NEW_A_MINUTE, next);
    };
    for (let first = 0; first < NEW_A_MINUTE; first++) sample.sendJob(++n);
    next();

    return sample.run({ done: () => held.size === 0, withinMs: (size / 10 + 5) * MINUTE_MS });
  },
};

/** The part of the vendor's rate that new jobs use. */
const NEW_PART = 0.05;
/** The time in which the reconciler finds out how many requests the vendor accepts. */
const SLOW_START_MINUTES = 6;
/** The vendor's minute begins this long after ours. */
const OFFSET_MS = 25_000;

interface Recovery extends Pick<ScalePlan, 'name' | 'what' | 'size' | 'largest'> {
  /** How many requests the vendor accepts in each minute of its own clock. It answers 429 to all others. */
  aMinute: (size: number) => number;
  concurrency: number;
  minutes: (size: number) => number;
}

/** A vendor recovers after an outage of two hours. New jobs come at even intervals. */
const recovery = ({ aMinute, concurrency, minutes, ...plan }: Recovery): ScalePlan => ({
  ...plan,
  async run(size) {
    const done = new Map<string, number>();
    let minute = 0;
    let taken = 0;
    let refused = 0;
    const request = ({ id }: { id: string }) => {
      const now = sample.now();
      const current = Math.floor((now - OFFSET_MS) / MINUTE_MS);
      if (current !== minute) taken = 0;
      minute = current;
      if (taken++ < aMinute(size)) return void done.set(id, now);
      refused++;
      const waitMs = Math.ceil(((current + 1) * MINUTE_MS + OFFSET_MS - now) / 1000) * 1000;
      throw new WaitError({ code: 'ZendeskThrottled', message: '429', vendor: 'zendesk', status: 429, waitMs });
    };
    const sample = startSample(request, { concurrency, stayMs: STAY_MS });
    // The jobs were held one after another in the outage, until a time or by the circuit breaker.
    for (let n = 1; n <= size; n++) {
      const at = sample.now() - Math.round(2 * 60 * MINUTE_MS * (1 - n / size));
      const reason = n % 2 === 0 ? 'throttled' : 'stopped';
      await sample.hold(n, { reason, vendor: 'zendesk', retryAt: at }, { now: at });
    }
    const sent = new Map<string, number>();
    const fresh = () => [...sent.keys()].filter((id) => done.has(id)).length;
    let drained = false;
    const next = () => {
      if (drained) return;
      const n = size + 1 + sent.size;
      sent.set(jobId(n), sample.now());
      sample.sendJob(n);
      sample.after(everyMs, next);
    };
    const everyMs = MINUTE_MS / Math.min(aMinute(size) * NEW_PART, 35);
    sample.after(everyMs, next);

    return sample.run({
      done: () => {
        drained = done.size - fresh() >= size;
        if (!drained) return false;
        const late = [...sent].filter(([id, at]) => (done.get(id) ?? sample.now()) - at > 2 * MINUTE_MS).length;
        if (late > 0) return `bystanders: ${late} of ${sent.size} new jobs wait`;
        if (refused > size / 2) return `requests in vain: the vendor refused ${refused}`;
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
