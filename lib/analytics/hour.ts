import { crc32, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Log, Objects } from '../ports';
import { DATA_SUFFIX, dataPartition, parquetPartition, partKey } from './keys';
import { type EventRow, fromParquet, PARQUET, type PropertyColumn, rowOf, toParquet } from './parquet';

export interface HourDeps {
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
export type HourResult = 'written' | 'damaged' | 'too large' | 'no time';

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
  const before = await objects.list(parquetPartition(prefix, hour));
  const keys = (await objects.list(dataPartition(prefix, hour))).filter((key) => key.endsWith(DATA_SUFFIX));
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
    await writePart(deps, partKey(prefix, { hour, part, of: parts.length }), () => rowsOf(of));
    for (const bucket of of) bucket.clear();
  }
  return damaged ? 'damaged' : 'written';
}

/** Adds rows to a part that it lacks. Two runs may do this at once: who comes second reads again. */
async function writePart(
  { objects, log, columns }: HourDeps,
  key: string,
  fresh: () => Iterable<EventRow>,
): Promise<void> {
  for (;;) {
    const stored = await objects.read(key);
    const { rows, changed } = union(stored ? await fromParquet(stored.bytes) : [], fresh());
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
function union(stored: readonly EventRow[], fresh: Iterable<EventRow>): { rows: EventRow[]; changed: boolean } {
  const byId = new Map(stored.map((row) => [row.id, row]));
  let changed = false;
  for (const row of fresh) {
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

function* rowsOf(buckets: readonly ReturnType<typeof createBucket>[]): Generator<EventRow> {
  for (const { rows } of buckets) yield* rows();
}
