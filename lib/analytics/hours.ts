import { crc32, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { codeOf } from '../errors';
import { endLease, type ItemDeps, type RunLease, takeLease } from '../jobs/items';
import { hoursKey } from '../jobs/keys';
import type { Log, Objects } from '../ports';
import {
  DATA_SUFFIX,
  dataPrefix,
  HOUR_MS,
  hourIn,
  hourOf,
  hourOfLate,
  latePrefix,
  noneLateKey,
  parquetPrefix,
  partKey,
  SETTLE_MS,
} from './keys';
import { type EventRow, fromParquet, PARQUET, type PropertyColumn, rowOf, toParquet } from './parquet';

/** An hour, and since when it waits, ms since 1970. */
type Since = [hour: number, since: number];

/** What a run leaves for the next one. Without it, the next run begins with the first hour. */
export interface HoursLease extends RunLease {
  /** The next run starts after this hour. */
  through?: number;
  /** Hours up to this one that are still to be written. */
  pending?: Since[];
  /** Hours that are left to a query engine, while its view still shows their originals. */
  tooLarge?: Since[];
}

/** The share of the run's time that stays unused at the end, because one part may take this long. */
const GUARD = 0.1;
/** An hour that is not written after this time is not a matter of one failed call. */
const OVERDUE_MS = HOUR_MS;
/** With more hours to write, the bucket itself fails, and a run searches for no others. */
const MOST_PENDING = 50;
/** The view shows originals for this long. An operator must let a query engine write a large hour before. */
const VIEW_MS = 3 * 24 * HOUR_MS;
/** The clocks of two functions may differ by this much. */
const SKEW_MS = 5_000;

/**
 * Writes every settled hour of events as Parquet, the oldest first, and again each hour of which messages have come
 * late. It throws at the end if an hour has waited for long, so that the alarm about functions that fail goes off.
 */
export async function writeHours(run: HourDeps & ItemDeps, { remainingMs }: { remainingMs: number }): Promise<void> {
  const { clock, log, objects, prefix } = run;
  const begun = clock.now();
  const mayGoOn = () => clock.now() < begun + remainingMs * (1 - GUARD);
  const lease = await takeLease<HoursLease>(run, hoursKey, begun + remainingMs + SKEW_MS);
  if (!lease) {
    log.info('another run is active');
    return;
  }
  if (lease.through === undefined) await putPlaceholders(run);
  const pending = new Map(lease.pending);
  const tooLarge = new Map(lease.tooLarge?.filter(([, since]) => since + VIEW_MS > begun));
  const tried = new Set<number>();
  let { through, doubtAt } = lease;

  for (;;) {
    for (const hour of pending.keys()) if (mayGoOn() && !tried.has(hour)) await write(hour);
    if (!mayGoOn() || pending.size >= MOST_PENDING) break;
    const next = await nextHour(run, through);
    // The next run takes what settles now, because this run may already have tried an hour that is late in it.
    if (next === undefined || next + HOUR_MS + SETTLE_MS > begun) break;
    const late = (await objects.list(hourIn(latePrefix(prefix), next))).map(hourOfLate);
    for (const hour of [next, ...late])
      if (hour !== undefined && !tried.has(hour)) pending.set(hour, pending.get(hour) ?? begun);
    through = next;
  }
  await endLease(run, lease, (stored) => ({
    ...stored,
    ...(through !== undefined && { through }),
    ...(doubtAt !== undefined && { doubtAt }),
    pending: [...pending],
    tooLarge: [...tooLarge],
  }));
  const overdue = [...pending.values()].filter((since) => since + OVERDUE_MS <= begun).length;
  if (overdue > 0) throw new Error(`${overdue} hours of events have waited for long`);

  async function write(hour: number): Promise<void> {
    tried.add(hour);
    const key = new Date(hour).toISOString();
    try {
      const result = await writeHour(run, hour, mayGoOn);
      if (result === 'too large') {
        log.error('an hour is too large for this function', { code: 'HourTooLarge', key });
        tooLarge.set(hour, tooLarge.get(hour) ?? begun);
      }
      if (result === 'written' || result === 'too large') pending.delete(hour);
    } catch (error) {
      log.error('an hour could not be written', { code: codeOf(error), key });
      doubtAt = clock.now();
    }
  }
}

/** The first hour after `through` with originals, or in which something came late. */
async function nextHour({ objects, prefix }: HourDeps, through: number | undefined): Promise<number | undefined> {
  const hours: number[] = [];
  for (const folder of [dataPrefix(prefix), latePrefix(prefix)]) {
    // `0` is the character after `/`, so this skips all keys of the hour.
    let after = through === undefined ? undefined : `${hourIn(folder, through).slice(0, -1)}0`;
    for (;;) {
      const [key] = await objects.list(folder, { limit: 1, ...(after !== undefined && { after }) });
      const hour = key === undefined ? undefined : hourOf(key);
      if (hour !== undefined) hours.push(hour);
      if (key === undefined || hour !== undefined) break;
      after = key;
    }
  }
  return hours.length > 0 ? Math.min(...hours) : undefined;
}

/** DuckDB refuses a pattern that no object matches, so its views need an object without events in each folder. */
async function putPlaceholders({ objects, prefix, columns }: HourDeps): Promise<void> {
  await objects.create(partKey(prefix, { hour: 0, part: 0, of: 1 }), toParquet([], columns), PARQUET);
  await objects.create(noneLateKey(prefix), gzipSync(''), 'application/gzip');
}

interface HourDeps {
  objects: Objects;
  log: Log;
  prefix: string;
  columns: readonly PropertyColumn[];
  /** An hour with more bytes of NDJSON is written as PARTS objects. */
  onePartBytes: number;
  /** An hour with more bytes of NDJSON is left to a query engine. */
  mostBytes: number;
}

/** `damaged`: an original cannot be read. All others are written. */
type HourResult = 'written' | 'damaged' | 'too large' | 'no time';

const PARTS = 8;
const READS = 8;

/**
 * Writes an hour's events as Parquet: what is stored already and what the originals hold, each event once by its id. It
 * reads everything before it writes, and only adds, so it may die after any call and run twice at once. A part is
 * replaced only in the version that was read (`If-Match`). It deletes nothing. So it may also run when originals have
 * expired, and when another run chose another number of parts: readers take each id once.
 */
export async function writeHour(deps: HourDeps, hour: number, mayGoOn: () => boolean): Promise<HourResult> {
  const { objects, prefix } = deps;
  const before = await objects.list(hourIn(parquetPrefix(prefix), hour));
  const keys = (await objects.list(hourIn(dataPrefix(prefix), hour))).filter((key) => key.endsWith(DATA_SUFFIX));
  const buckets = Array.from({ length: PARTS }, createBucket);
  let bytes = 0;
  let damaged = false;
  for (let at = 0; at < keys.length; at += READS) {
    if (!mayGoOn()) return 'no time';
    for (const lines of await Promise.all(keys.slice(at, at + READS).map((key) => readLines(deps, key)))) {
      damaged ||= lines === undefined;
      for (const { id, line } of lines ?? []) {
        bytes += line.length;
        buckets[crc32(id) % PARTS]?.add(line);
      }
    }
    if (bytes > deps.mostBytes) return 'too large';
  }

  const isWide = bytes > deps.onePartBytes || before.some((key) => key.endsWith(`-of-${PARTS}.parquet`));
  const parts = isWide ? buckets.map((bucket) => [bucket]) : [buckets];
  for (const [part, of] of parts.entries()) {
    if (!mayGoOn()) return 'no time';
    await writePart(deps, partKey(prefix, { hour, part, of: parts.length }), of);
    for (const bucket of of) bucket.clear();
  }
  return damaged ? 'damaged' : 'written';
}

/** Adds rows to a part that it lacks. Two runs may do this at once: who comes second reads again. */
async function writePart({ objects, log, columns }: HourDeps, key: string, fresh: readonly Bucket[]): Promise<void> {
  for (;;) {
    const stored = await objects.read(key);
    const { rows, changed } = union(stored ? await fromParquet(stored.bytes) : [], fresh);
    if (!changed) return;
    const bytes = toParquet(rows, columns);
    const answer = stored
      ? await objects.replace(key, bytes, PARQUET, stored.etag)
      : await objects.create(key, bytes, PARQUET);
    if (answer === 'replaced' || answer === 'created') {
      log.info('events written as Parquet', { key, count: rows.length, bytes: bytes.length });
      return;
    }
  }
}

/** Each id once: the row that was accepted first. So every reader and every run chooses the same row. */
function union(stored: readonly EventRow[], fresh: readonly Bucket[]): { rows: EventRow[]; changed: boolean } {
  const byId = new Map(stored.map((row) => [row.id, row]));
  let changed = false;
  for (const row of fresh.flatMap(({ rows }) => [...rows()])) {
    const known = byId.get(row.id);
    if (known && !(row.accepted < known.accepted || (row.accepted === known.accepted && row.job < known.job))) continue;
    byId.set(row.id, row);
    changed = true;
  }
  return { rows: [...byId.values()], changed };
}

/** The lines of a message's own object, or `undefined` if it is damaged. */
async function readLines({ objects, log }: HourDeps, key: string): Promise<{ id: string; line: Buffer }[] | undefined> {
  const stored = await objects.get(key);
  if (!stored) return [];
  try {
    const text = gunzipSync(stored);
    const lines = [];
    for (let at = 0, end = 0; at < text.length; at = end) {
      end = text.indexOf('\n', at) + 1 || text.length;
      const line = text.subarray(at, end);
      lines.push({ id: (JSON.parse(line.toString('utf8')) as { id: string }).id, line });
    }
    return lines;
  } catch {
    log.error('an object is damaged and stays unchanged', { code: 'OriginalDamaged', key });
    return undefined;
  }
}

const PACK_BYTES = 256 * 1024;

type Bucket = ReturnType<typeof createBucket>;

/** The lines of a part. They are kept compressed, because the lines of all parts would not fit into memory. */
function createBucket() {
  const packed: Buffer[] = [];
  let lines: Buffer[] = [];
  let size = 0;
  const pack = () => {
    if (size > 0) packed.push(zstdCompressSync(Buffer.concat(lines)));
    lines = [];
    size = 0;
  };
  return {
    add(line: Buffer): void {
      lines.push(line);
      size += line.length;
      if (size >= PACK_BYTES) pack();
    },
    clear(): void {
      packed.length = 0;
    },
    *rows(): Generator<EventRow> {
      pack();
      for (const block of packed)
        for (const line of zstdDecompressSync(block).toString('utf8').split('\n')) if (line) yield rowOf(line);
    },
  };
}
