import { VENDOR_STOPPED } from '../../../lib/engine/jobs/row';
import { PermanentError, StopError, StoreError, WaitError } from '../../../lib/platform/errors';
import { jobId } from '../../support/engine';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../draw/build';
import { createChance } from '../world/chance';
import { startSample } from './sample';
import { type ScalePlan, type ScaleResult, scalePlan } from './service';

const STAY_MS = 55_000;
/** A minute between two runs of the reconciler, plus the time of its work. */
const LONGEST_WAIT_MS = 75_000;
const LASTS_MS = 2 * HOUR_MS;
/** One job in this many can be released. */
const GOOD = 50;
/** The most tries in two hours: at 0, 1, 2, 4, … minutes, then once an hour. */
const MOST_TRIES = 8;

/**
 * Jobs with an unreadable body, and a few good ones between them. The good ones must not wait, and the others must cost
 * little.
 */
async function failingRows(size: number): Promise<ScaleResult> {
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
}

/** What a new job may wait, and what all planned jobs of one second may take with a hundred workers. */
const FRESH_WAIT_MS = 15_000;
const DIGEST_MS = 90_000;

/** A digest at nine: all jobs are planned for one second. Meanwhile a new job comes each second. */
async function digest(size: number, workers: { concurrency: number; callMs?: number } = { concurrency: 100 }) {
  const done = new Set<string>();
  const sample = startSample(({ id }) => void done.add(id), { ...workers, stayMs: STAY_MS });
  const due = sample.now() + SECOND_MS;
  for (let n = 1; n <= size; n++) await sample.hold(n, { reason: 'retry', retryAt: due, notBefore: due });
  const fresh: [id: string, at: number][] = [];
  const next = () => {
    const n = size + fresh.push([jobId(size + fresh.length + 1), sample.now()]);
    sample.sendJob(n);
    sample.after(SECOND_MS, next);
  };
  next();

  return sample.run({
    done: () => {
      const late = fresh.find(([id, at]) => !done.has(id) && sample.now() - at > FRESH_WAIT_MS);
      if (late) return `bystanders: ${late[0]} waits behind planned jobs`;
      return Array.from({ length: size }, (_, n) => jobId(n + 1)).every((id) => done.has(id));
    },
    withinMs: SECOND_MS + DIGEST_MS,
  });
}

/** More jobs than the workers can handle. */
const NEW_A_MINUTE = 400;

/** A queue that is never empty. The reconciler must still release some held jobs each minute. */
async function neverEmpty(size: number): Promise<ScaleResult> {
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
}

/** The part of the vendor's rate that new jobs use. */
const NEW_PART = 0.05;
/** The time in which the reconciler finds out how many requests the vendor accepts. */
const SLOW_START_MINUTES = 6;
/** The vendor's minute begins this long after ours. */
const OFFSET_MS = 25_000;

interface Recovery {
  /** How many requests the vendor accepts in each minute of its own clock. It answers 429 to all others. */
  aMinute: number;
  concurrency: number;
  minutes: number;
}

/** A vendor recovers after an outage of two hours. New jobs come at even intervals. */
async function recovery(size: number, { aMinute, concurrency, minutes }: Recovery): Promise<ScaleResult> {
  const done = new Map<string, number>();
  let minute = 0;
  let taken = 0;
  let refused = 0;
  const request = ({ id }: { id: string }) => {
    const now = sample.now();
    const current = Math.floor((now - OFFSET_MS) / MINUTE_MS);
    if (current !== minute) taken = 0;
    minute = current;
    if (taken++ < aMinute) return void done.set(id, now);
    refused++;
    const waitMs = Math.ceil(((current + 1) * MINUTE_MS + OFFSET_MS - now) / 1000) * 1000;
    throw new WaitError({ code: 'ZendeskThrottled', message: '429', vendor: 'zendesk', status: 429, waitMs });
  };
  const sample = startSample(request, { concurrency, stayMs: STAY_MS });
  // The jobs were held one after another in the outage, until a time or by the circuit breaker.
  for (let n = 1; n <= size; n++) {
    const at = sample.now() - Math.round(2 * HOUR_MS * (1 - n / size));
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
  const everyMs = MINUTE_MS / Math.min(aMinute * NEW_PART, 35);
  sample.after(everyMs, next);

  return sample.run({
    done: () => {
      if (refused > size / 2) return `requests in vain: the vendor refused ${refused}`;
      drained = done.size - fresh() >= size;
      if (!drained) return false;
      const late = [...sent].filter(([id, at]) => (done.get(id) ?? sample.now()) - at > 2 * MINUTE_MS).length;
      return late === 0 || `bystanders: ${late} of ${sent.size} new jobs wait`;
    },
    withinMs: minutes * MINUTE_MS,
  });
}

/** The vendor's limit decides how long the recovery takes. Each new job waits two minutes at most. */
function limitedRecovery(size: number): Promise<ScaleResult> {
  // Zendesk's limit for most plans. A small plan uses a lower one, so that it takes some time too.
  const aMinute = Math.min(700, Math.ceil(size / 10));
  const minutes = size / (aMinute * (1 - NEW_PART)) + SLOW_START_MINUTES;
  return recovery(size, { aMinute, concurrency: 10, minutes });
}

/** The vendor has no limit. After six minutes the reconciler releases five thousand jobs a minute. */
function unlimitedRecovery(size: number): Promise<ScaleResult> {
  const minutes = SLOW_START_MINUTES + Math.max(0, size - 6_000) / 5_000;
  return recovery(size, { aMinute: Number.POSITIVE_INFINITY, concurrency: 200, minutes });
}

/**
 * A DLQ with one untried message before all parked entries and one after them. The reconciler returns the first
 * in its first run, and the other after a walk through the whole DLQ.
 */
async function largeDlq(size: number): Promise<ScaleResult> {
  const ms = 400_000 / size;
  const done = new Set<string>();
  const sample = startSample(({ id }) => void done.add(id), { costs: { table: ms, objects: ms, queues: ms } });
  const now = sample.now();
  const time = now - HOUR_MS;
  sample.untried(1, time);
  for (let n = 2; n < size; n++) await sample.park(n, time);
  sample.untried(size, time);
  const late = () => !done.has(jobId(1)) && sample.now() > now + 3 * MINUTE_MS;
  return sample.run({
    done: () => (late() ? 'liveness: the first run did not return the message in front' : done.size === 2),
    withinMs: 20 * MINUTE_MS,
  });
}

/** A DLQ that lacks one entry and has one untried message, so that its count matches the table by chance. */
async function dlqByChance(size: number): Promise<ScaleResult> {
  const done = new Set<string>();
  const sample = startSample(({ id }) => void done.add(id), { everyMs: 5 * MINUTE_MS });
  const { sqs, dlq } = sample;
  const time = sample.now() - HOUR_MS;
  for (let n = 1; n <= size; n++) await sample.park(n, time);
  sample.after(2 * MINUTE_MS, () => {
    const { Messages: [lost] = [] } = sqs.receiveMessage({ QueueUrl: dlq });
    sqs.deleteMessage({ QueueUrl: dlq, ReceiptHandle: lost?.ReceiptHandle });
    sample.untried(size + 1, time);
  });
  return sample.run({ done: () => done.size > 0, withinMs: 30 * MINUTE_MS });
}

/** A job of another group comes so often, and may wait so long. */
const OTHER_EVERY_MS = 60 * SECOND_MS;
const OTHER_SOON_MS = 5 * SECOND_MS;

/** Many messages of one group run one after another, in their order, and do not delay other groups. */
async function oneGroup(size: number): Promise<ScaleResult> {
  const done: string[] = [];
  const waits = new Map<string, number>();
  const request = ({ id }: { id: string }) => {
    const sent = waits.get(id);
    if (sent === undefined) done.push(id);
    else waits.set(id, sample.now() - sent);
  };
  const sample = startSample(request);
  for (let n = 1; n <= size; n++) sample.sendJob(n, { group: 'one' });
  const other = (n: number) => {
    waits.set(jobId(n), sample.now());
    sample.sendJob(n);
    sample.after(OTHER_EVERY_MS, () => other(n + 1));
  };
  other(size + 1);

  return sample.run({
    withinMs: size * SECOND_MS,
    done: () => {
      if (done.some((id, index) => id !== jobId(index + 1))) return 'order kept: a job ran out of its turn';
      if (done.length < size) return false;
      const late = [...waits.values()].filter((ms) => ms < sample.now() - OTHER_EVERY_MS && ms > OTHER_SOON_MS);
      return late.length === 0 || `bystanders: ${late.length} jobs of other groups wait`;
    },
  });
}

const forbidden = (field?: string) =>
  new PermanentError({ code: 'Forbidden', message: '', vendor: 'sendgrid', status: 403, ...(field ? { field } : {}) });

/** The vendor recovers while the queue is full. The next received message makes the trial call. */
async function trialOfWaiting(size: number): Promise<ScaleResult> {
  const refusedMs = 2.5 * MINUTE_MS;
  let refused = 0;
  let well = 0;
  const service = startSample(
    () => {
      if (service.now() >= begun + refusedMs) return void well++;
      refused++;
      throw new StopError({ code: 'Unauthorized', message: '', vendor: 'sendgrid', status: 401 });
    },
    // The workers are slow, so that messages still wait when the vendor recovers.
    { concurrency: 2, costs: { table: 80, objects: 200, queues: 80 } },
  );
  const begun = service.now();
  await service.deps.circuits.open('sendgrid', 'Unauthorized');
  for (let n = 1; n <= size; n++) service.sendJob(n, { sender: 'a' });
  return service.run({
    done: () => {
      if (refused > Math.floor((service.now() - begun) / MINUTE_MS))
        return `one trial: ${refused} calls to a vendor that refuses us`;
      return well > 0;
    },
    withinMs: refusedMs + MINUTE_MS + 5 * SECOND_MS,
  });
}

/** Held jobs of different senders that the vendor forbids, and one newer job that it accepts. */
async function innocentAmongGuilty(size: number): Promise<ScaleResult> {
  let done = false;
  const service = startSample(({ sender }) => {
    if (sender !== 'innocent') throw forbidden();
    done = true;
  });
  const now = service.now();
  await service.deps.circuits.open('sendgrid', 'Forbidden');
  const error = { class: 'stop', code: VENDOR_STOPPED, message: '', vendor: 'sendgrid' } as const;
  for (let n = 1; n <= size + 1; n++) {
    const sender = n > size ? 'innocent' : `sender-${n}`;
    const of = { sender, time: now - 3_600_000, now: now - 1_000_000 + n };
    await service.hold(n, { reason: 'stopped', vendor: 'sendgrid', error }, of);
  }
  return service.run({ done: () => done, withinMs: 5 * MINUTE_MS });
}

/** The vendor forbids nine of every ten jobs for their senders. The tenth succeeds, and no job is held. */
async function othersGoOn(size: number): Promise<ScaleResult> {
  let done = 0;
  const service = startSample(({ sender }) => {
    if (sender.startsWith('unknown')) throw forbidden('from');
    if (sender === 'banned') throw forbidden();
    done++;
  });
  for (let n = 1; n <= size; n++)
    service.sendJob(n, { sender: n % 10 === 0 ? 'good' : n % 2 ? 'banned' : `unknown-${n}` });
  return service.run({
    done: () => {
      const held = service.handled.get('held') ?? 0;
      return held > 0 ? `no bystanders: ${held} jobs were held` : done === Math.floor(size / 10);
    },
    withinMs: MINUTE_MS + size * SECOND_MS,
  });
}

interface Refusing {
  refuses: (elapsedMs: number, fraction: number) => boolean;
  callMs: number;
  lastsMs?: number;
  /** The longest time that a job may take. */
  longestMs?: number;
  /** How many message groups the jobs share. By default each has its own. */
  groups?: number;
}

const mildly = { refuses: (_: number, fraction: number) => fraction < 0.3, callMs: 300, lastsMs: HOUR_MS };
const SOON_MS = 5 * MINUTE_MS;
/** The table refuses a part of all calls, or all calls for longer than a run may last, so that many runs meet that. */
const REFUSING: readonly Refusing[] = [
  ...[0.3, 0.5, 0.7].map((part) => ({
    refuses: (_elapsedMs: number, fraction: number) => fraction < part,
    callMs: 300,
  })),
  { refuses: (elapsedMs) => elapsedMs % (4 * MINUTE_MS) > 40 * SECOND_MS, callMs: 20 * SECOND_MS },
  { refuses: (elapsedMs) => elapsedMs % (4 * MINUTE_MS) > 15 * SECOND_MS, callMs: 20 * SECOND_MS },
  { ...mildly, longestMs: SOON_MS },
  { ...mildly, longestMs: SOON_MS, groups: 30 },
];
const REFUSES_MS = 40 * MINUTE_MS;

/** Runs often cannot store their outcome. No job does anything wrong, none ends as dead, and a short fault costs little. */
async function tableRefuses(size: number): Promise<ScaleResult> {
  const results: ScaleResult[] = [];
  for (const how of REFUSING) results.push(await refusing(size, how));
  const sum = (name: 'minutes' | 'calls') => results.reduce((total, result) => total + result[name], 0);
  const { violation } = results.find((result) => result.violation !== undefined) ?? {};
  return { minutes: sum('minutes'), calls: sum('calls'), ...(violation && { violation }) };
}

function refusing(size: number, how: Refusing): Promise<ScaleResult> {
  const { refuses, callMs, lastsMs = REFUSES_MS, longestMs = Number.POSITIVE_INFINITY, groups } = how;
  const sentAt = new Map<string, number>();
  let longest = 0;
  const request = ({ id }: { id: string }) => {
    longest = Math.max(longest, sample.now() - (sentAt.get(id) ?? 0));
  };
  const sample = startSample(request, { concurrency: 50, callMs, asked: true });
  const begun = sample.now();
  const chance = createChance(7);
  const { table } = sample.deps;
  for (const [name, call] of Object.entries(table) as [keyof typeof table, (...given: never[]) => Promise<never>][])
    table[name] = async (...given: never[]) => {
      const elapsed = sample.now() - begun;
      if (elapsed < lastsMs && refuses(elapsed, chance.fraction()))
        throw new StoreError({ code: 'table.throttled', message: 'throttled' });
      return call(...given);
    };
  const group = (n: number) => (groups === undefined ? {} : { group: `group-${n % groups}` });
  for (let n = 1; n <= size; n++)
    sample.after((n / size) * lastsMs, () => {
      sentAt.set(jobId(n), sample.now());
      sample.sendJob(n, group(n));
    });
  const { handled } = sample;
  return sample.run({
    done: () => {
      if (handled.has('dead')) return `no bystanders: ${handled.get('dead')} jobs are dead`;
      if (longest > longestMs) return `a short fault costs little: a job took ${longest / 1000} s`;
      return handled.get('succeeded') === size;
    },
    withinMs: 24 * HOUR_MS,
  });
}

/** The plans, with their size in the tests and the largest one. */
export const SAMPLE_PLANS: readonly ScalePlan[] = [
  scalePlan('failing', 'held jobs, almost all of which cannot be released', [800, 10_000], failingRows),
  scalePlan('digest', 'jobs planned for one second, and a new one each second', [1_000, 20_000], (size) =>
    digest(size),
  ),
  scalePlan('slow-digest', 'the same with ten workers and slower jobs', [150, 150], (size) =>
    digest(size, { concurrency: 10, callMs: 3_000 }),
  ),
  scalePlan('never-empty', 'held jobs of a queue whose workers are always busy', [20, 800], neverEmpty),
  scalePlan('recovery', 'held jobs after an outage, a vendor with a limit', [800, 100_000], limitedRecovery),
  scalePlan(
    'recovery-unlimited',
    'held jobs after an outage, a vendor without a limit',
    [2_000, 100_000],
    unlimitedRecovery,
  ),
  scalePlan('large-dlq', 'parked entries in a DLQ, and two untried messages', [2_000, 30_000], largeDlq),
  scalePlan(
    'dlq-by-chance',
    'parked entries, one lost and one untried, with a reconciler run every five minutes',
    [50, 1_000],
    dlqByChance,
  ),
  scalePlan('one-group', 'jobs of one message group, and a job of another one each minute', [200, 10_000], oneGroup),
  scalePlan('trial-of-waiting', 'messages that wait for a vendor that refused us', [1_000, 100_000], trialOfWaiting),
  scalePlan('innocent-among-guilty', 'held jobs that the vendor forbids', [200, 10_000], innocentAmongGuilty),
  scalePlan('table-refuses', 'lone jobs, while the table refuses many calls', [400, 10_000], tableRefuses),
  scalePlan('others-go-on', 'jobs, most of which the vendor forbids for their senders', [100, 20_000], othersGoOn),
];
