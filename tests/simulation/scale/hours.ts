import { parseEnvelope } from '../../../lib/engine/jobs/envelope';
import type { Objects } from '../../../lib/platform/ports';
import { countsIn } from '../../../lib/queues/analytics/counts';
import { writeHours } from '../../../lib/queues/analytics/hours';
import { countsKey, dataPrefix, hourIn, hourOf, hourStart, parquetPrefix } from '../../../lib/queues/analytics/keys';
import { ANALYTICS_EVENTS } from '../../../lib/queues/analytics/message';
import { fromParquet } from '../../../lib/queues/analytics/parquet';
import { analyticsContract } from '../../../lib/queues/analytics/process';
import { ANALYTICS_QUEUE } from '../../../lib/queues/analytics/queue';
import { ACCEPTED_AT, analyticsBody, anEvent, viewAt } from '../../support/analytics';
import { memoryEngine, PREFIX } from '../../support/engine';
import { memoryObjects } from '../../support/memory-objects';
import { memoryTable } from '../../support/memory-table';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../draw/build';
import { sleep, through } from '../world/acts';
import type { Process } from '../world/calls';
import { createChance } from '../world/chance';
import { erase } from '../world/code';
import { courseOf, play } from '../world/course';
import type { Fault } from '../world/faults';
import { createKernel } from '../world/kernel';
import { type ScaleResult, scalePlan } from './service';

type Run = Pick<Process, 'alive' | 'die'>;

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
const END = hourStart(Date.parse(ACCEPTED_AT)) + HOUR_MS;
const EVERY = 15 * MINUTE_MS;
const RUN_MS = 300 * SECOND_MS;
/** The bucket's lifecycle rule deletes a message's own object at this age. */
const EXPIRE_MS = 60 * DAY_MS;

const FAULTS: readonly [Fault, ...Fault[]] = [
  ...(['refused', 'lost', 'silent', 'mute', 'late', 'slow', 'repeated'] as const),
  ...(['killed-before', 'killed-after', 'killed-late', 'hung'] as const),
];
/** How much later than its caller's time-out a call can take effect. S3 refuses requests older than 15 minutes. */
const LATER = [0, 10 * SECOND_MS, 14 * MINUTE_MS] as const;
/** When a message is stored for the first time, after the end of its hour. Calls fail for some hours after each. */
const ARRIVALS = [
  ...([-20 * MINUTE_MS, 2 * MINUTE_MS, 9 * MINUTE_MS, 14 * MINUTE_MS, 40 * MINUTE_MS] as const),
  ...([2 * HOUR_MS, 3 * DAY_MS, 21 * DAY_MS] as const),
] as const;
const FAULTY_MS = 90 * MINUTE_MS;
const BUSY_MS = 4 * HOUR_MS;

/** Each message has an event of its own and one that it shares with its neighbour, as after a repeated POST. */
const idsOf = (n: number): string[] => [`event-${n}`, `shared-${Math.ceil(n / 2)}`];

/** Neighbours that share an event are of one person. */
const userOf = (n: number): string => `user-${Math.ceil(n / 2)}`;
const PERSON = { user: userOf(1) };
const isErased = (n: number): boolean => userOf(n) === PERSON.user;
const ERASED = [1, 2].flatMap(idsOf);

/**
 * Plays some hours. Messages are stored before and after the end of their hour, some of them twice, some of them weeks
 * late. One function or two without a common lease write the hours. Readers look at any time, and each of their reads
 * takes up to an hour. In the end the originals expire, and a last message comes. `erasing`: the functions share a lease,
 * and an operator erases the person of the first two messages, in the middle and once more when all have come.
 */
async function playHours(seed: number, { erasing = false } = {}): Promise<ScaleResult> {
  const chance = createChance(seed);
  const kernel = createKernel(END - 30 * MINUTE_MS);
  const bucket = memoryObjects();
  const rate = chance.pick([0, 0.02, 0.05, 0.15]);
  const stored = new Map<number, number>();
  const violations: string[] = [];
  const shared = erasing ? memoryTable() : undefined;
  let calls = 0;
  /** Whether the next write of the first hour lands a quarter of an hour late. */
  let lateWrite = false;
  let erasingFrom = Number.POSITIVE_INFINITY;
  let erasedAt = Number.POSITIVE_INFINITY;

  const messages = Array.from({ length: chance.between(2, 6) }, (_, index) => ({
    n: index + 1,
    time: new Date(END - chance.pick([10 * MINUTE_MS, 10 * MINUTE_MS, 70 * MINUTE_MS, -2 * MINUTE_MS])).toISOString(),
    arrivals: Array.from(
      { length: chance.pick([1, 1, 2, 3]) },
      () => END + (erasing && index < 2 ? ARRIVALS[0] : chance.pick(ARRIVALS)) + chance.between(0, MINUTE_MS),
    ),
  }));
  /** After the originals of all others have expired. */
  const last = { n: 7, time: messages[0]?.time ?? '', arrivals: [END + 61 * DAY_MS + chance.between(0, MINUTE_MS)] };
  const arrivals = [...messages, last].flatMap((message) => message.arrivals);
  const isFaulty = () => arrivals.some((at) => kernel.now() >= at && kernel.now() < at + FAULTY_MS);

  /** A call out of a run, with the fault that is drawn for it. */
  function call<T>(run: Run, effect: () => Promise<T>, what = ''): Promise<T> {
    calls++;
    const isAimed = lateWrite && what.startsWith(`create ${hourIn(parquetPrefix(PREFIX), END - HOUR_MS)}`);
    if (isAimed) lateWrite = false;
    const drawn = isFaulty() && chance.fraction() < rate ? chance.pick(FAULTS) : undefined;
    const fault = isAimed ? chance.pick(['late', 'killed-late'] as const) : drawn;
    const course = courseOf({ target: 'objects', fault }, chance);
    const later = isAimed ? LATER[2] : fault === 'late' || fault === 'killed-late' ? chance.pick(LATER) : 0;
    const effects = course.effects.map((ms) => ms + later);
    return play({ ...course, effects }, { kernel, process: run, effect });
  }

  /** Runs a function's invocation. Answers whether it came to its end. */
  function invoke(
    act: (ports: { objects: Objects; now: () => number; run: Run }) => Promise<unknown>,
    lastsMs = RUN_MS,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      const skew = chance.pick([0, 0, 700, -2_000]);
      const run: Run = {
        alive: true,
        die: () => {
          run.alive = false;
          resolve(false);
        },
      };
      const all = through<Objects>(bucket, (name, effect, given) =>
        run.alive ? call(run, effect, `${name} ${given[0]}`) : new Promise(() => {}),
      );
      const objects = { ...all, delete: () => Promise.reject(new Error('nothing is deleted')) };
      kernel.setTimeout(() => run.alive && run.die('time-out'), lastsMs);
      const end = (done: boolean) => () => run.alive && resolve(done);
      act({ objects, now: () => kernel.now() + skew, run }).then(end(true), end(false));
    });
  }

  /** The worker takes the message again and again until it is stored. */
  async function deliver({ n, time }: { n: number; time: string }): Promise<void> {
    const events = idsOf(n).map((id) => anEvent(n, { id, time, user: userOf(n), session: userOf(n) }));
    const envelope = parseEnvelope(analyticsBody(events, { n, time }));
    const done = await invoke(({ objects, now }) => {
      const metrics = { add: () => {}, flush: async () => {} };
      const type = analyticsContract({ objects, metrics, prefix: PREFIX }).types[ANALYTICS_EVENTS];
      return (
        type?.direct?.({ id: envelope.id, data: envelope.data, envelope }, { now, log: SILENT }) ?? Promise.reject()
      );
    });
    if (done) stored.set(n, Math.min(stored.get(n) ?? kernel.now(), kernel.now()));
    else kernel.setTimeout(() => void deliver({ n, time }), chance.pick([30 * SECOND_MS, 20 * MINUTE_MS]));
  }

  /** One function's runs. They come every quarter of an hour; only those are played in which something can happen. */
  function writeEvery(): void {
    const table = shared ?? memoryTable();
    const quarters = Array.from({ length: BUSY_MS / EVERY }, (_, quarter) => quarter);
    const from = (at: number) => Math.floor(Math.max(at, END) / EVERY);
    for (const at of new Set(arrivals.flatMap((at) => quarters.map((quarter) => (from(at) + quarter) * EVERY))))
      kernel.at(at + chance.pick([0, 0, 40, 5 * SECOND_MS, 3 * MINUTE_MS]), () => {
        void invoke(({ objects, now }) =>
          writeHours(
            {
              ...{ objects, table, random: chance, prefix: PREFIX, columns: [], mostBytes: 1e9, mostObjects: 1e6 },
              block: chance.pick([1, 2, 256]),
              clock: { now, sleep: async () => {} },
              log: SILENT,
              onePartBytes: chance.pick([0, 700, 100_000, 100_000]),
            },
            // With little time an hour takes several runs.
            { remainingMs: chance.pick([RUN_MS, 2 * SECOND_MS]) },
          ),
        );
      });
  }

  /** An operator erases the person, again and again until nothing is left. A run of the function may have the lease. */
  async function eraseAll({ last }: { last: boolean }): Promise<void> {
    erasingFrom = Math.min(erasingFrom, kernel.now());
    const again = () => void kernel.setTimeout(() => void eraseAll({ last }), 20 * MINUTE_MS);
    if (last && messages.some(({ n }) => isErased(n) && !stored.has(n))) return again();
    const done = await invoke(async ({ objects, now, run }) => {
      const sleep = (ms: number) => new Promise<void>((resolve) => kernel.setTimeout(() => run.alive && resolve(), ms));
      const { deps } = memoryEngine(() => ({ queue: ANALYTICS_QUEUE, types: {} }));
      const own = { ...deps, objects, clock: { now, sleep }, random: chance, ...(shared && { table: shared }) };
      if ((await erase(own, PERSON)).length > 0) throw new Error('something is left');
    }, DAY_MS);
    if (!done) again();
    else if (last) erasedAt = kernel.now();
  }

  /** A reader lists the objects and reads them later, one after another. */
  async function readSlowly(): Promise<void> {
    const at = kernel.now();
    const wait = () => sleep({ kernel }, chance.pick([0, 0, 0, SECOND_MS, 20 * MINUTE_MS]));
    const slow = through<Objects>(bucket, (_name, effect) => wait().then(effect));
    const rows = await viewAt(slow, at);
    const seen = rows.map(({ event_id }) => event_id);
    if (new Set(seen).size < seen.length) violations.push(`once: ${seen.sort().join()}`);
    for (const [n, since] of stored)
      for (const id of idsOf(n)) {
        const mayMiss = isErased(n) && kernel.now() >= erasingFrom;
        if (since <= at && !seen.includes(id) && !mayMiss) violations.push(`nothing lost: a reader misses ${id}`);
        if (isErased(n) && erasedAt <= at && seen.includes(id)) violations.push(`erased: a reader sees ${id}`);
      }
  }

  const parts = () => bucket.keys().filter((key) => key.startsWith(parquetPrefix(PREFIX)) && key.endsWith('.parquet'));

  /** No object has fewer ids than before. */
  const most = new Map<string, Set<string>>();
  async function compare(): Promise<void> {
    for (const key of parts()) {
      const rows = await fromParquet(bucket.bytes(key));
      const ids = new Set(rows.map(({ event_id }) => event_id));
      if (ids.size < rows.length) violations.push(`once: ${key} holds an id twice`);
      const mayLose = (id: string) => ids.has(id) || (ERASED.includes(id) && kernel.now() >= erasingFrom);
      for (const id of most.get(key) ?? []) if (!mayLose(id)) violations.push(`never fewer: ${key} lost ${id}`);
      most.set(key, ids);
    }
  }

  /** At rest, the counts of each hour are those of its Parquet, or it is not counted. */
  async function compareCounts(): Promise<void> {
    for (const hour of new Set(parts().map((key) => hourOf(key) ?? 0))) {
      const own = parts().filter((key) => hourOf(key) === hour);
      const counts = countsIn(await bucket.get(countsKey(PREFIX, hour)), own.length);
      const rows = (await Promise.all(own.map((key) => fromParquet(bucket.bytes(key))))).flat();
      const users = new Set(rows.map(({ user_id }) => user_id)).size;
      if (counts && (counts.events !== rows.length || counts.users !== users))
        violations.push(`counts: ${counts.events} events of ${counts.users} users, but ${rows.length} of ${users}`);
      const isOneSet = own.every((key) => key.slice(-10) === own[0]?.slice(-10));
      if (!counts && isOneSet && hour > 0 && !erasing) violations.push('counts: an hour is not counted');
    }
  }

  for (const message of [...messages, last])
    for (const at of message.arrivals) kernel.at(at, () => void deliver(message));
  for (let functions = chance.pick([1, 2, 2]); functions > 0; functions--) writeEvery();
  if (erasing) {
    kernel.at(END + chance.pick([10 * MINUTE_MS, 50 * MINUTE_MS, 3 * DAY_MS]), () => void eraseAll({ last: false }));
    // The hour is written at the same time.
    kernel.at(END + EVERY + chance.between(-300, 600), () => void eraseAll({ last: true }));
    kernel.at(END + EVERY - SECOND_MS, () => {
      lateWrite = chance.fraction() < 0.5;
    });
  }
  for (const from of new Set(arrivals.map((at) => Math.floor(at / HOUR_MS) * HOUR_MS)))
    for (let at = from; at < from + BUSY_MS; at += 31 * MINUTE_MS) {
      kernel.at(at, () => void Promise.all([readSlowly(), compare()]));
    }
  kernel.at(END + EXPIRE_MS, () => {
    for (const key of bucket.keys()) if (key.startsWith(dataPrefix(PREFIX))) void bucket.delete(key);
  });
  kernel.at(END + 100 * DAY_MS, () => {});
  await kernel.run(() => violations.length > 0);

  if (stored.size < messages.length + 1) violations.push('nothing lost: a message is never stored');
  // Long after everything has settled, Parquet alone holds each event.
  await Promise.all([readSlowly(), compare(), compareCounts(), kernel.run(() => false)]);
  if (erasing && erasedAt > kernel.now()) violations.push('erased: the erasure never ended');
  const one = messages.find(({ n }) => !erasing || !isErased(n));
  if (one && bucket.keys().every((key) => !key.startsWith(hourIn(parquetPrefix(PREFIX), Date.parse(one.time)))))
    violations.push('nothing lost: an hour is not written');
  const violation = violations[0];
  return { minutes: (kernel.now() - END) / MINUTE_MS, calls, ...(violation === undefined ? {} : { violation }) };
}

/** Each number is a seed. `first`: seeds that show the faults of `mutants/source/scale.ts`. */
async function playAll(size: number, { erasing, first }: { erasing: boolean; first: number[] }): Promise<ScaleResult> {
  let minutes = 0;
  let calls = 0;
  const seeds = new Set([...first, ...Array.from({ length: size }, (_, n) => n + 1)]);
  for (const seed of [...seeds].slice(0, size)) {
    const played = await playHours(seed, { erasing });
    minutes += played.minutes;
    calls += played.calls;
    if (played.violation) return { minutes, calls, violation: `${played.violation} (seed ${seed})` };
  }
  return { minutes, calls };
}

const WHAT =
  'hours of events that two runs write at once, with calls that fail, die or land late, and messages weeks late';
const ERASED_WHAT = 'the same hours with one function at a time, while an operator erases a person of them';

export const HOURS_PLANS = [
  scalePlan('hours', WHAT, [10, 300], (size) => playAll(size, { erasing: false, first: [9, 13, 15, 3] })),
  scalePlan('hours-erased', ERASED_WHAT, [10, 300], (size) => playAll(size, { erasing: true, first: [13] })),
];
