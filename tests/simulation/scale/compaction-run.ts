import { compaction } from '../../../lib/analytics/compaction';
import { compactedKey, compactedPartition, compactedPrefix, dataPrefix, nameOf } from '../../../lib/analytics/keys';
import { readManifests } from '../../../lib/analytics/manifest';
import { ANALYTICS_EVENTS } from '../../../lib/analytics/message';
import { analyticsContract } from '../../../lib/analytics/process';
import { visibleObjects } from '../../../lib/analytics/view';
import { parseEnvelope } from '../../../lib/jobs/envelope';
import type { Objects } from '../../../lib/ports';
import { ACCEPTED_AT, analyticsBody, anEvent, linesOf } from '../../support/analytics';
import { PREFIX } from '../../support/engine';
import { memoryObjects } from '../../support/memory-objects';
import { memoryTable } from '../../support/memory-table';
import { createChance } from '../world/chance';
import { courseOf } from '../world/course';
import type { Fault } from '../world/faults';
import { createKernel } from '../world/kernel';
import type { ScaleResult } from './service';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR_MS = 60 * MINUTE;
const HOUR = Math.floor(Date.parse(ACCEPTED_AT) / HOUR_MS) * HOUR_MS;
const END = HOUR + HOUR_MS;
const EVERY = 15 * MINUTE;
/** A function's time-out. */
const RUN_MS = 300 * SECOND;
/** From here on no call fails. */
const QUIET = END + 4 * HOUR_MS;
/** When an unnamed object is a day old, and a run has seen that. */
const LAST = QUIET + 31 * HOUR_MS;

const FAULTS: readonly [Fault, ...Fault[]] = [
  ...(['refused', 'lost', 'silent', 'mute', 'late', 'slow', 'repeated'] as const),
  ...(['killed-before', 'killed-after', 'killed-late', 'hung'] as const),
];
/** How much later than its caller's time-out a call can still take effect. S3 refuses requests older than 15 minutes. */
const LATER = [0, 10 * SECOND, 14 * MINUTE] as const;
/** Objects that are not ours. */
const FOREIGN = [
  `${compactedPartition(PREFIX, HOUR)}report.ndjson.zst`,
  `${compactedPartition(PREFIX, HOUR)}README.txt`,
  `${dataPrefix(PREFIX)}README.txt`,
];

const eventId = (n: number) => `event-${n}`;

/**
 * Plays one drawn hour. Messages arrive before and after its end, some of them twice. Two compactions of two instances
 * share the folder, so no lease separates them. Readers look at any time, and take up to the grace for a look.
 */
export async function playCompactions(seed: number): Promise<ScaleResult> {
  const chance = createChance(seed);
  const kernel = createKernel(END - 30 * MINUTE);
  const bucket = memoryObjects({ now: kernel.now });
  const rate = chance.pick([0, 0.02, 0.05, 0.15]);
  const messages = chance.between(2, 6);
  /** When the worker acknowledged a message. */
  const stored = new Map<number, number>();
  const violations: string[] = [];
  let calls = 0;
  /**
   * A compaction of revision 28eb1b2 that began earlier deletes a new compacted object. A reader misses its events until
   * the next run.
   */
  /** A short one lets a write land after originals are gone. Then readers look in a moment. */
  const grace = chance.pick([15 * MINUTE, 15 * MINUTE, MINUTE]);
  const isRogue = grace > RUN_MS && chance.fraction() < 0.2;
  let rogue = isRogue;

  for (const key of FOREIGN) await bucket.put(key, 'x', 'text/plain');

  interface Run {
    alive: boolean;
    die(): void;
  }

  /** A call out of a run, with the fault that is drawn for it. */
  function call<T>(run: Run, effect: () => Promise<T>): Promise<T> {
    calls++;
    const fault = kernel.now() < QUIET && chance.fraction() < rate ? chance.pick(FAULTS) : undefined;
    const { effects, answer, error, death } = courseOf({ target: 'objects', fault, secret: '' }, chance);
    const later = fault === 'late' || fault === 'killed-late' ? chance.pick(LATER) : 0;
    return new Promise((resolve, reject) => {
      let result: Promise<T> | undefined;
      const settle = () => {
        if (!run.alive) return;
        if (error) reject(error());
        else result?.then(resolve, reject);
      };
      for (const ms of effects)
        kernel.setTimeout(() => {
          result = effect();
          result.catch(() => {});
          if (ms === answer) settle();
        }, ms + later);
      if (answer !== undefined && answer !== effects.at(-1)) kernel.setTimeout(settle, answer);
      if (death !== undefined) kernel.setTimeout(() => run.die(), death);
    });
  }

  /** Runs a function's invocation. Answers whether it came to its end. */
  function invoke(act: (ports: { objects: Objects; now: () => number }) => Promise<unknown>): Promise<boolean> {
    return new Promise((resolve) => {
      const skew = chance.pick([0, 0, 700, -2_000]);
      const run: Run = {
        alive: true,
        die: () => {
          run.alive = false;
          resolve(false);
        },
      };
      const through = <A extends unknown[], R>(method: (...given: A) => Promise<R>) => {
        return (...given: A) => (run.alive ? call(run, () => method(...given)) : new Promise<never>(() => {}));
      };
      const objects: Objects = {
        put: through(bucket.put),
        create: through(bucket.create),
        replace: through(bucket.replace),
        get: through(bucket.get),
        read: through(bucket.read),
        delete: through(bucket.delete),
        list: through(bucket.list),
      };
      kernel.setTimeout(() => run.alive && run.die(), RUN_MS);
      const end = (done: boolean) => () => run.alive && resolve(done);
      act({ objects, now: () => kernel.now() + skew }).then(end(true), end(false));
    });
  }

  /** The worker takes the message again and again until it is stored. */
  async function deliver(n: number): Promise<void> {
    const envelope = parseEnvelope(analyticsBody([anEvent(2 * n), anEvent(2 * n + 1)], { n }));
    const done = await invoke(({ objects, now }) => {
      const metrics = { add: () => {}, flush: async () => {} };
      const type = analyticsContract({ objects, metrics, prefix: PREFIX }).types[ANALYTICS_EVENTS];
      const log = { info: () => {}, warn: () => {}, error: () => {} };
      return type?.direct?.({ id: envelope.id, data: envelope.data, envelope }, { now, log }) ?? Promise.reject();
    });
    if (done) stored.set(n, Math.min(stored.get(n) ?? kernel.now(), kernel.now()));
    else kernel.setTimeout(() => void deliver(n), chance.pick([30 * SECOND, 20 * MINUTE]));
  }

  function compactEvery(start: number): void {
    const table = memoryTable();
    const next = (at: number) => {
      if (at > LAST) return;
      kernel.at(at + chance.pick([0, 0, 40, 5 * SECOND, 3 * MINUTE]), () => {
        void invoke(({ objects, now }) => {
          const failed = (_: string, facts?: { code?: unknown }) => {
            if (/^Compacted|^Unnamed/.test(String(facts?.code)) && !isRogue)
              violations.push(`nothing lost: ${facts?.code}`);
          };
          return compaction(
            {
              ...{ objects, table, random: chance, prefix: PREFIX, settleAfterMs: 5 * MINUTE, graceMs: grace },
              clock: { now, sleep: async () => {} },
              log: { info: () => {}, warn: () => {}, error: failed },
              targetBytes: chance.pick([300, 700, 100_000]),
            },
            { remainingMs: RUN_MS },
          );
        });
      });
      // Nothing happens in the long wait for unnamed objects.
      next(at > QUIET + 2 * HOUR_MS ? at + 4 * HOUR_MS : at + EVERY);
    };
    next(start);
  }

  /** A reader lists the manifests now and the objects soon, and reads them later. */
  async function look(): Promise<void> {
    const at = kernel.now();
    const keys = await visibleObjects({ objects: bucket, prefix: PREFIX }, { hour: HOUR, at });
    const check = async () => {
      const present = keys.filter((key) => bucket.keys().includes(key));
      const seen = (await linesOf(bucket, present)).map(({ id }) => id);
      if (new Set(seen).size < seen.length) violations.push(`once: ${seen.sort().join()}`);
      for (const [n, since] of stored)
        for (const id of [eventId(2 * n), eventId(2 * n + 1)])
          if (since <= at && !seen.includes(id) && !(isRogue && at < QUIET))
            violations.push(`nothing lost: a reader misses ${id}`);
    };
    kernel.setTimeout(() => void check(), grace > RUN_MS ? chance.pick([0, 0, MINUTE, grace - RUN_MS]) : 0);
  }

  /** Deletes an object within a run's time of its naming, so before any reader uses it. */
  async function deleteNamed(): Promise<void> {
    const { entries } = await readManifests({ objects: bucket, prefix: PREFIX }, HOUR);
    const late = ({ from }: { from: string }) => Date.parse(from) > kernel.now() + grace - RUN_MS;
    const recent = entries.find(late)?.object;
    if (!rogue || recent === undefined) return;
    rogue = false;
    await bucket.delete(compactedKey(PREFIX, { time: HOUR, name: recent }));
  }

  const arrivals = [-20 * MINUTE, 2 * MINUTE, 40 * MINUTE, 2 * HOUR_MS] as const;
  for (let n = 1; n <= messages; n++)
    for (let copy = chance.pick([1, 1, 2, 3]); copy > 0; copy--)
      kernel.at(END + chance.pick(arrivals) + chance.between(0, MINUTE), () => void deliver(n));
  for (let instance = 0; instance < 2; instance++) compactEvery(END + 5 * MINUTE);
  for (let at = END; at < QUIET; at += 7 * MINUTE) {
    kernel.at(at, () => void look());
    kernel.at(at + MINUTE, () => void deleteNamed());
  }
  await kernel.run(() => violations.length > 0);

  const left = bucket.keys().filter((key) => key.startsWith(dataPrefix(PREFIX)) && !FOREIGN.includes(key));
  const { entries } = await readManifests({ objects: bucket, prefix: PREFIX }, HOUR);
  const names = new Set<string | undefined>(entries.map(({ object }) => object));
  const merged = bucket.keys().filter((key) => key.startsWith(compactedPrefix(PREFIX)) && !FOREIGN.includes(key));
  if (left.length > 0) violations.push(`garbage: ${left.length} originals are left`);
  if (merged.some((key) => !names.has(nameOf(key)))) violations.push('garbage: an object without a name is left');
  if (FOREIGN.some((key) => !bucket.keys().includes(key))) violations.push('foreign: an object of others is gone');
  if (stored.size < messages) violations.push('nothing lost: a message is never stored');
  await look();
  await kernel.run(() => false);
  const violation = violations[0];
  return { minutes: (kernel.now() - HOUR) / MINUTE, calls, ...(violation === undefined ? {} : { violation }) };
}
