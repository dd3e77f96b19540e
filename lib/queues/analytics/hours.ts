import { crc32, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as z from 'zod';
import { count, endLease, type ItemDeps, leasesWith, takeLease, time } from '../../engine/jobs/items';
import { mapEach } from '../../platform/concurrency';
import { codeOf } from '../../platform/errors';
import type { Log, Objects } from '../../platform/ports';
import { writeCounts } from './counts';
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
import { type EventRow, fromParquet, identityOf, PARQUET, type PropertyColumn, rowOf, toParquet } from './parquet';
import { hoursKey } from './queue';

/** How far an hour's originals are in Parquet. Its next run begins after this key. */
const progressSchema = z.object({
  after: z.string(),
  objects: count,
  bytes: count,
  /** Something was damaged or came late. When all is read, the hour is read again. */
  again: z.boolean(),
});
type Progress = z.infer<typeof progressSchema>;

/** An hour, and since when it waits, ms since 1970. */
const since = z.tuple([time, time]);

/** What a run leaves for the next one. Without it, the next run begins with the first hour. */
export const hoursLeases = leasesWith({
  /** The next run starts after this hour. */
  through: time.optional(),
  /** Hours up to this one that are still to be written. */
  pending: z.array(z.union([since, z.tuple([time, time, progressSchema])])).optional(),
  /** Hours that are left to a query engine, while its view still shows their originals. */
  tooLarge: z.array(since).optional(),
});

/** The shares of a run's time in which it reads, and in which it begins a part. Writing takes less than reading. */
const READ_SHARE = 0.7;
const WRITE_SHARE = 0.9;
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
 * late. An hour that takes several runs gets the time that others leave, and goes on where it stopped. It throws at the
 * end if an hour has waited for long, so that the alarm about functions that fail goes off.
 */
export async function writeHours(run: HourDeps & ItemDeps, { remainingMs }: { remainingMs: number }): Promise<void> {
  const { clock, log, objects, prefix } = run;
  const begun = clock.now();
  const mayRead = () => clock.now() < begun + remainingMs * READ_SHARE;
  const mayWrite = () => clock.now() < begun + remainingMs * WRITE_SHARE;
  const lease = await takeLease(run, hoursLeases, hoursKey, begun + remainingMs + SKEW_MS);
  if (!lease) {
    log.info('another run is active');
    return;
  }
  if (lease.through === undefined) await putPlaceholders(run);
  const pending = new Map(lease.pending?.map(([hour, ...state]) => [hour, state] as const));
  const tooLarge = new Map(lease.tooLarge?.filter(([, since]) => since + VIEW_MS > begun));
  const tried = new Set<number>();
  let { through, doubtAt } = lease;

  for (;;) {
    for (const [hour, [, progress]] of pending) if (mayRead() && !tried.has(hour) && !progress) await write(hour);
    if (!mayRead() || pending.size >= MOST_PENDING) break;
    const next = await nextHour(run, through);
    // The next run takes what settles now, because this run may already have tried an hour that is late in it.
    if (next === undefined || next + HOUR_MS + SETTLE_MS > begun) break;
    const late = (await objects.list(hourIn(latePrefix(prefix), next))).map(hourOfLate);
    for (const hour of [next, ...late]) {
      if (hour === undefined || tried.has(hour)) continue;
      const [since, progress] = pending.get(hour) ?? [begun];
      pending.set(hour, progress ? [since, { ...progress, again: true }] : [since]);
    }
    through = next;
  }
  for (const hour of pending.keys()) if (mayRead() && !tried.has(hour)) await write(hour);
  await endLease(run, hoursLeases, lease, (stored) => ({
    ...stored,
    ...(through !== undefined && { through }),
    ...(doubtAt !== undefined && { doubtAt }),
    pending: [...pending].map(([hour, state]): [number, ...typeof state] => [hour, ...state]),
    tooLarge: [...tooLarge],
  }));
  const overdue = [...pending].filter(([, [since]]) => since + OVERDUE_MS <= begun).map(([hour]) => nameOf(hour));
  if (overdue.length > 0) throw new Error(`${overdue.length} hours of events have waited for long: ${overdue}`);

  async function write(hour: number): Promise<void> {
    tried.add(hour);
    const key = nameOf(hour);
    const [since = begun, progress] = pending.get(hour) ?? [];
    try {
      const result = await writeHour({ ...run, mayRead, mayWrite }, hour, progress);
      if (result === 'too large') {
        log.error('an hour is too large for this function', { code: 'HourTooLarge', key });
        tooLarge.set(hour, tooLarge.get(hour) ?? begun);
      }
      if (result === 'written' || result === 'too large') pending.delete(hour);
      if (result === 'again') pending.set(hour, [since]);
      if (typeof result === 'object') pending.set(hour, [since, result]);
    } catch (error) {
      log.error('an hour could not be written', { code: codeOf(error), key }, error);
      doubtAt = clock.now();
    }
  }
}

const nameOf = (hour: number): string => new Date(hour).toISOString().slice(0, 13);

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
  /** An hour with more bytes of NDJSON, or with more originals, is left to a query engine. */
  mostBytes: number;
  mostObjects: number;
  /** Originals that are read between two looks at the clock. */
  block: number;
}

/** Whether there is time for more of each. */
type Times = Record<'mayRead' | 'mayWrite', () => boolean>;

/** `again`: an original cannot be read, or came late. All others are written. */
type HourResult = 'written' | 'again' | 'too large' | 'no time' | Progress;

const PARTS = 8;
/** S3 answers in about 30 ms, and one CPU handles about 1,400 small originals a second. */
const READS = 64;

/**
 * Writes an hour's events as Parquet: what is stored already and what the originals hold, each event once by its id. It
 * reads before it writes, and only adds, so it may die after any call and run twice at once. A part is replaced only in
 * the version that was read (`If-Match`). It deletes nothing. So it may also run when originals have expired, and when
 * another run chose another number of parts: readers take each id once. If the time is short, it writes what it has
 * read, and answers how far that is. `progress` is that answer of the run before.
 */
export async function writeHour(deps: HourDeps & Times, hour: number, progress?: Progress): Promise<HourResult> {
  const { objects, prefix, mayRead, mayWrite } = deps;
  const before = await objects.list(hourIn(parquetPrefix(prefix), hour));
  const done = { after: '', objects: 0, bytes: 0, again: false, ...progress };
  const limit = deps.mostObjects - done.objects + 1;
  const rest = await objects.list(hourIn(dataPrefix(prefix), hour), { limit, ...(progress && { after: done.after }) });
  if (rest.length === limit) return 'too large';
  const buckets = Array.from({ length: PARTS }, createBucket);
  let read = 0;
  for (; read < rest.length && mayRead(); read += deps.block) {
    const keys = rest.slice(read, read + deps.block);
    await mapEach(keys, READS, async (key) => {
      const lines = key.endsWith(DATA_SUFFIX) ? await readLines(deps, key) : [];
      done.again ||= lines === undefined;
      for (const { id, line } of lines ?? []) {
        done.bytes += line.length;
        buckets[crc32(id) % PARTS]?.add(line);
      }
    });
    done.after = keys.at(-1) ?? done.after;
    done.objects += keys.length;
    if (done.bytes > deps.mostBytes) return 'too large';
  }
  const isWhole = read >= rest.length;
  if (read === 0 && !isWhole) return 'no time';

  const isWide =
    !isWhole || done.bytes > deps.onePartBytes || before.some((key) => key.endsWith(`-of-${PARTS}.parquet`));
  const parts = isWide ? buckets.map((bucket) => [bucket]) : [buckets];
  for (const [part, of] of parts.entries()) {
    if (!mayWrite()) return 'no time';
    await writePart(deps, partKey(prefix, { hour, part, of: parts.length }), of);
    for (const bucket of of) bucket.clear();
  }
  if (!isWhole) return done;
  // The placeholders are in the first hour of 1970.
  if (hour > 0) await writeCounts({ ...deps, mayRead: mayWrite }, hour);
  return done.again ? 'again' : 'written';
}

/** Adds rows to a part that it lacks. Two runs may do this at once: who comes second reads again. */
async function writePart({ objects, log, columns }: HourDeps, key: string, fresh: readonly Bucket[]): Promise<void> {
  for (;;) {
    const stored = await objects.read(key);
    const added = await newRows(fresh, stored?.bytes);
    if (added.size === 0) return;
    const kept = stored ? await fromParquet(stored.bytes) : [];
    const rows = [...kept.filter((row) => !added.has(identityOf(row))), ...added.values()];
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

/**
 * The rows that a part lacks, each event once: the row that was packed first. So every reader and every run chooses the
 * same row. Of the part it reads only what decides that, because all of it and the lines would fill the memory.
 */
async function newRows(fresh: readonly Bucket[], part: Uint8Array | undefined): Promise<Map<string, EventRow>> {
  const stored = part ? await fromParquet(part, ['event_id', 'user_id', 'session_id', 'packed_at', 'job_id']) : [];
  const known = new Map(stored.map((row) => [identityOf(row), row]));
  const added = new Map<string, EventRow>();
  for (const bucket of fresh)
    for (const row of bucket.rows()) {
      const identity = identityOf(row);
      const other = added.get(identity) ?? known.get(identity);
      const isEarlier =
        !other || row.packed_at < other.packed_at || (row.packed_at === other.packed_at && row.job_id < other.job_id);
      if (isEarlier) added.set(identity, row);
    }
  return added;
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
/** A block with its last line is read in one piece: pieces of 16 KB leave holes in the memory, 90 MB in all. */
const WHOLE = { chunkSize: 2 * PACK_BYTES };

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
        for (const line of zstdDecompressSync(block, WHOLE).toString('utf8').split('\n')) if (line) yield rowOf(line);
    },
  };
}
