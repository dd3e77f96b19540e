import { everyOfHour } from '../jobs/due';
import { ANALYTICS_QUEUE, hourKey } from '../jobs/keys';
import type { JobRow } from '../jobs/row';
import { ANY_SCHEMA } from '../jobs/row-schema';
import { rowOf } from '../jobs/stored-row';
import type { Objects, Table } from '../ports';
import { dataPartition, jobOf, rejectedPartition } from './keys';
import { linesOf, type Origin, originOf } from './lines';
import { readManifests } from './manifest';

/** Messages of one source that are missing, from `first` to `last` inclusive. */
export interface Gap {
  source: string;
  first: number;
  last: number;
}

export interface Sequences {
  /** How many messages have their events in the bucket, accepted or rejected. */
  stored: number;
  sources: number;
  gaps: Gap[];
  /** Messages that are not in the bucket but have a row, with its state. */
  unstored: { source: string; sequence: number; job: string; state: string }[];
}

const HOUR_MS = 60 * 60_000;
const READS = 16;

/**
 * Compares the producers' sequence numbers with the bucket and the table, for jobs accepted from `from` until `to` (ms,
 * whole hours). It reports a missing number between two others of a source. It also reports numbers before the first
 * one, if the source began in that time. It notices missing last messages only after the next message of that source.
 */
export async function sequences(
  store: { objects: Objects; table: Table; prefix: string },
  { from, to }: { from: number; to: number },
): Promise<Sequences> {
  const known = new Map<string, Set<number>>();
  const add = ({ source, sequence }: Origin) => {
    if (source === null || sequence === null) return;
    const numbers = known.get(source) ?? new Set();
    numbers.add(sequence);
    known.set(source, numbers);
  };
  let stored = 0;
  const unstored: Sequences['unstored'] = [];
  for (let hour = Math.floor(from / HOUR_MS) * HOUR_MS; hour < to; hour += HOUR_MS) {
    const found = await storedIn(store, hour);
    stored += found.size;
    for (const origin of found.values()) add(origin);
    for (const { id, source, sequence, state } of await rowsOf(store.table, hour)) {
      if (found.has(id) || source === undefined || sequence === undefined) continue;
      add({ source, sequence: Number(sequence), group: null });
      unstored.push({ source, sequence: Number(sequence), job: id, state });
    }
  }
  const gaps = [...known].flatMap(([source, numbers]) => gapsOf(source, numbers, beganAt(source) >= from));
  return { stored, sources: known.size, gaps, unstored };
}

/** The messages of an hour that have events in the bucket, by job. */
async function storedIn(store: { objects: Objects; prefix: string }, hour: number): Promise<Map<string, Origin>> {
  const { objects, prefix } = store;
  const found = new Map<string, Origin>((await readManifests(store, hour, { lenient: true })).moved);
  const partitions = [dataPartition(prefix, hour), rejectedPartition(prefix, hour)];
  const keys = (await Promise.all(partitions.map((partition) => objects.list(partition)))).flat();
  const unread = keys.filter((key) => !found.has(jobOf(key)));
  for (let at = 0; at < unread.length; at += READS)
    await Promise.all(
      unread.slice(at, at + READS).map(async (key) => {
        const bytes = await objects.get(key);
        const text = bytes && linesOf(key, bytes);
        if (text) found.set(jobOf(key), originOf(text));
      }),
    );
  return found;
}

async function rowsOf(table: Table, hour: number): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  for await (const keys of everyOfHour(table, hourKey(ANALYTICS_QUEUE, hour)))
    for (const key of keys) {
      const item = await table.get(key);
      // A number of newer code is not missing either.
      if (item) rows.push(rowOf(item, ANY_SCHEMA));
    }
  return rows;
}

function gapsOf(source: string, numbers: ReadonlySet<number>, fromOne: boolean): Gap[] {
  const sorted = [...numbers].sort((a, b) => a - b);
  let expected = fromOne ? 1 : (sorted[0] ?? 1);
  const gaps: Gap[] = [];
  for (const number of sorted) {
    if (number > expected) gaps.push({ source, first: expected, last: number - 1 });
    expected = number + 1;
  }
  return gaps;
}

/** Our sources end with a UUIDv7, and its first 48 bits are ms since 1970. For another source the start is unknown. */
function beganAt(source: string): number {
  const [, high, low] = /\/([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/.exec(source) ?? [];
  return high === undefined ? Number.NEGATIVE_INFINITY : Number.parseInt(`${high}${low}`, 16);
}
