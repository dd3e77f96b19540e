import { gunzipSync } from 'node:zlib';
import { mapEach } from '../../platform/concurrency';
import { groupBy } from '../../platform/group-by';
import type { MetricPoint, Objects } from '../../platform/ports';
import { counted } from '../../platform/text';
import { countsIn } from '../../queues/analytics/counts';
import {
  countsKey,
  dataPrefix,
  HOUR_MS,
  hourIn,
  hourOf,
  hourStart,
  parquetPrefix,
  rejectedPrefix,
} from '../../queues/analytics/keys';
import type { Deployment } from './operator';

/** Reading more objects would take longer than an operator waits for a page. */
const MOST_READ = 100;
const READS = 16;

export interface Line {
  job: string;
  source: string;
  group: string | null;
  accepted: string;
  [member: string]: unknown;
}

/** Analytics of the last hour. CloudWatch's points are about a minute late. Times to store are ms. */
export type AnalyticsFigures = Awaited<ReturnType<ReturnType<typeof analyticsReader>>>;

/** A reader of the figures. It reads an object once, however often it is asked. `period`: of a point, in seconds. */
export function analyticsReader(deps: Deployment, period: number) {
  const { clock, instance, monitoring, objects, prefix } = deps;
  const storedIn = newestReader(objects, storedObject);
  const rejectedIn = newestReader(objects, rejectedObject);
  const own = { namespace: instance, dimensions: {} };
  const metric = (name: string, statistic: 'Sum' | 'p50' | 'p95') => ({ ...own, name, statistic });
  const counts = [metric('EventsAccepted', 'Sum'), metric('EventsRejected', 'Sum')];
  const metrics = [...counts, metric('TimeToStore', 'p50'), metric('TimeToStore', 'p95')];
  let written: { to: number; of: Awaited<ReturnType<typeof writtenHours>> } | undefined;
  return async () => {
    const at = clock.now();
    const to = Math.ceil(at / (period * 1000)) * period * 1000;
    const from = to - HOUR_MS;
    if (written?.to !== to) written = { to, of: await writtenHours(deps, at) };
    const hours = [hourStart(at) - HOUR_MS, hourStart(at)];
    const [[accepted = [], rejected = [], p50 = [], p95 = []], stored, rejections] = await Promise.all([
      monitoring.series(metrics, { from, to, periodSeconds: period }),
      storedIn(hours.map((hour) => hourIn(dataPrefix(prefix), hour))),
      rejectedIn(hours.map((hour) => hourIn(rejectedPrefix(prefix), hour))),
    ]);
    return {
      at,
      from,
      accepted,
      rejected,
      p50,
      p95,
      /** Of the last written hours, exact. An hour without `events` is not counted. */
      written: written.of,
      /** Of this hour and the one before, from the bucket. `bytes` are compressed. */
      stored: {
        ...stored.newest,
        bytes: stored.read.reduce((sum, { bytes }) => sum + bytes, 0),
        ...byName(stored.read.flatMap(({ names }) => names)),
      },
      rejections: { ...rejections.newest, rules: byRule(rejections.read.flat()) },
    };
  };
}

const MOST_HOURS = 24;

/** What the function that writes hours has counted in the last ones that it has written. */
async function writtenHours({ objects, prefix }: Deployment, at: number) {
  const folder = parquetPrefix(prefix);
  const keys = await objects.list(folder, { after: hourIn(folder, at - (MOST_HOURS + 1) * HOUR_MS) });
  const parts = groupBy(keys, (key) => hourOf(key) ?? 0);
  const hours = await mapEach([...parts].slice(-MOST_HOURS), READS, async ([hour, { length }]) => {
    return { hour, counts: countsIn(await objects.get(countsKey(prefix, hour)), length) };
  });
  const all = hours.flatMap(({ counts }) => counts ?? []);
  const named = all.flatMap(({ names }) => names.map(([name, events]) => ({ name, events })));
  const rules = all.flatMap(({ rejected = [] }) => rejected.map(([rule, events]) => ({ rule, events })));
  return {
    hours: hours.map(({ hour, counts: { events, users, rejected } = {} }) => {
      return { at: hour, events, users, rejected: rejected?.reduce((sum, [, of]) => sum + of, 0) };
    }),
    names: summed(named, ({ name }) => name),
    /** Events of names that were too rare to be kept in their hour. */
    others: all.reduce((sum, { others }) => sum + others, 0),
    rules: summed(rules, ({ rule }) => rule),
  };
}

/** Reads the newest objects of some folders, each once, and forgets all others. `of`: how many there are. */
function newestReader<T>(objects: Objects, read: (bytes: Uint8Array) => T) {
  const known = new Map<string, T>();
  return async (folders: string[]) => {
    const keys = (await Promise.all(folders.map((folder) => objects.list(folder)))).flat();
    const newest = keys.slice(-MOST_READ);
    for (const key of known.keys()) if (!newest.includes(key)) known.delete(key);
    await mapEach(newest, READS, async (key) => {
      const bytes = known.has(key) ? undefined : await objects.get(key);
      if (bytes) known.set(key, read(bytes));
    });
    return { newest: { messages: known.size, of: keys.length }, read: [...known.values()] };
  };
}

type Named = { name: string; at: number; events: number };
const STEP_MS = 300_000;
const MOST_SHOWN = 4;

const storedObject = (bytes: Uint8Array) => ({
  bytes: bytes.length,
  names: byStep(
    linesOf(bytes).map(({ name, accepted }) => {
      return { name: String(name), at: Math.floor(Date.parse(accepted) / STEP_MS) * STEP_MS, events: 1 };
    }),
  ),
});
const byStep = (all: readonly Named[]): Named[] => summed(all, ({ name, at }) => `${at} ${name}`);

/** The most frequent name first. `times`: events of the most frequent names in steps of five minutes. */
function byName(all: readonly Named[]) {
  const names = summed(all, ({ name }) => name).map(({ name, events }) => ({ name, events }));
  const pointsOf = (of: string) =>
    byStep(all).flatMap(({ name, at, events }) => (name === of ? [{ at, value: events }] : []));
  const times = names
    .slice(0, MOST_SHOWN)
    .map(({ name }) => [name, pointsOf(name).sort((a, b) => a.at - b.at)] as const);
  return { names, times: Object.fromEntries(times) as Record<string, MetricPoint[]> };
}

/** The lines of an object. Throws if one cannot be read. */
export const readLines = (bytes: Uint8Array): Line[] =>
  gunzipSync(bytes)
    .toString('utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);

/** The same, and none of a damaged object: the function that writes the hours logs it. */
export function linesOf(bytes: Uint8Array): Line[] {
  try {
    return readLines(bytes);
  } catch {
    return [];
  }
}

const rejectedObject = (bytes: Uint8Array): RejectedBy[] => byRule(linesOf(bytes).map(rejectedBy));
const byRule = (rules: readonly RejectedBy[]): RejectedBy[] => summed(rules, ({ field, rule }) => `${field} ${rule}`);

type Fields = Record<string, unknown> | null | undefined;
/** Rejected events with one rule and field. `example`: what the field was, and the event, both masked. */
type RejectedBy = ReturnType<typeof rejectedBy>;

/** A name of a property that is no plain word may say something about a person. */
function rejectedBy({ field: path, rule, event, job }: Line) {
  const field = String(path).replace(/^data\.events\.\d+\.?/, '');
  const [top = '', ...rest] = field.split('.');
  const part = field === '' ? event : (event as Fields)?.[top];
  const value = rest.length === 0 ? part : (part as Fields)?.[rest.join('.')];
  return {
    rule: String(rule),
    field: /^[\w.$-]*$/.test(field) ? field : `${top}.*`,
    events: 1,
    example: { job, value: kindOf(value), event: shapeOf(event) },
  };
}

/** One of each key, with the events of all of them. The most come first. */
function summed<T extends { events: number }>(list: readonly T[], key: (one: T) => string): T[] {
  const sums = new Map<string, T>();
  for (const one of list) {
    const before = sums.get(key(one));
    sums.set(key(one), before ? { ...before, events: before.events + one.events } : one);
  }
  return [...sums.values()].sort((a, b) => b.events - a.events);
}

/** Names as schemas have them. A stranger's data may have an address as a name. */
const PLAIN = /^[\w-]{1,60}$/;

/**
 * The shape of data that may be personal: the names of its fields, and the kind and length of each value. Names below
 * the first level may be a user's words, so an object is only counted.
 */
export function shapeOf(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return kindOf(data);
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [PLAIN.test(name) ? name : 'hidden', kindOf(value)]),
  );
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return `text, ${value.length} characters`;
  if (Array.isArray(value)) return `list of ${value.length}`;
  if (typeof value === 'object') return `object with ${counted(Object.keys(value).length, 'field')}`;
  return typeof value;
}
