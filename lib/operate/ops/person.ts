import { setImmediate } from 'node:timers/promises';
import zlib, { gzipSync } from 'node:zlib';
import { holdsAddress, mailboxOf } from '../../engine/jobs/address';
import { bodyKey, dataPrefix } from '../../engine/jobs/keys';
import { type JobRow, redacted } from '../../engine/jobs/row';
import { ROW_DAMAGED } from '../../engine/jobs/row-schema';
import { mapEach } from '../../platform/concurrency';
import { StoreError } from '../../platform/errors';
import { unicodeForm } from '../../platform/normalise';
import type { Objects } from '../../platform/ports';
import { jsonOf } from '../../platform/text';
import { fromParquet, PARQUET, propertyColumnsOf, toParquet } from '../../queues/analytics/parquet';
import { GZIP } from '../../queues/analytics/process';
import { ERASED_LINE } from '../../queues/emails/manifest';
import { type Line, readLines } from './analytics';
import { jobView, OperatorError, type Reader } from './operator';
import { PLACES, type Place, type PlaceName } from './places';
import { hashesOf, listJobs, type Person } from './search';

/** Something about a person. `key`: of the item or the object. `data` is personal. */
export interface Found {
  place: PlaceName;
  key: string;
  job?: string;
  data?: unknown;
  /** Why the search could not look into it. */
  unread?: string;
}

type Fields = Record<string, unknown> | null | undefined;
export type Matcher = Awaited<ReturnType<typeof matcherOf>>;

/** Tells what is about a person. Rejects with an OperatorError if the hash key cannot be read. */
export async function matcherOf(reader: Pick<Reader, 'hashPeople'>, { email, user }: Person) {
  const mailbox = email === undefined ? undefined : mailboxOf(email);
  const hashes = await hashesOf({ user, email }, reader);
  const holds = email === undefined ? () => false : holdsAddress(email);
  const isAddress = (value: unknown) => typeof value === 'string' && mailboxOf(value) === mailbox;
  const id = user && unicodeForm(user, 'NFC');
  const isUser = (value: unknown) => typeof value === 'string' && unicodeForm(value, 'NFC') === id;
  /** Whether a text, or anything in a value, has the address. */
  const names = (value: unknown): boolean => {
    if (typeof value === 'object' && value !== null) return holds(JSON.stringify(value));
    return typeof value === 'string' && holds(value);
  };
  // A row of Parquet has the user's id under its column.
  const event = (one: Fields): boolean =>
    isUser(one?.user) || isUser(one?.user_id) || Object.values(one ?? {}).some(names);
  return {
    row: ({ person = '', group = '' }: JobRow) => hashes.includes(person) || hashes.includes(group),
    /** A job's data. A person whom it only mentions, or who sends it, is not the one whom it is about. */
    job: (data: unknown): boolean => {
      const { user: sender, to, email: tester } = (data ?? {}) as { user?: Fields; to?: Fields; email?: unknown };
      return [sender?.email, to?.email, tester].some(isAddress) || isUser(sender?.id);
    },
    recipient: (line: unknown): boolean => isAddress((line as Fields)?.email),
    names,
    event,
  };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const MIB = 1024 * 1024;

/** What an object holds about the person. `without`: the object without it, unless it goes as a whole. */
interface Look {
  found: readonly unknown[];
  without?: () => { body: string | Uint8Array; type: string; metadata?: Record<string, string> };
}

/** How a search reads the objects of a place, 16 at a time by default. */
export interface Scan {
  takes?: (key: string) => boolean;
  atOnce?: number;
  look: (bytes: Uint8Array, matcher: Matcher, key: string) => Look | Promise<Look>;
}

/** A console answers others between so many lines. */
const LINES_AT_ONCE = 1_000;

async function partsOf<T>(all: readonly T[], isAbout: (one: T) => boolean) {
  const found = new Set<number>();
  for (const [at, one] of all.entries()) {
    if (at % LINES_AT_ONCE === LINES_AT_ONCE - 1) await setImmediate();
    if (isAbout(one)) found.add(at);
  }
  return { found: all.filter((_, at) => found.has(at)), others: () => all.filter((_, at) => !found.has(at)) };
}

/** `instead` comes in the place of the lines about the person. All others keep their bytes and their numbers. */
async function lookAtLines(
  bytes: Uint8Array,
  key: string,
  isAbout: (line: string) => boolean,
  instead = '',
): Promise<Look> {
  const lines = text(bytes).split('\n');
  const { found } = await partsOf(lines, isAbout);
  const gone = new Set(found);
  return {
    found,
    without: () => ({
      body: lines.map((line) => (gone.has(line) ? instead : line)).join('\n'),
      type: key.endsWith('.csv') ? 'text/csv' : 'application/x-ndjson',
    }),
  };
}

async function lookAtEvents(bytes: Uint8Array, isAbout: (line: Line) => boolean): Promise<Look> {
  const { found, others } = await partsOf(readLines(bytes), isAbout);
  return {
    found,
    without: () => {
      const left = others();
      const body = gzipSync(left.map((line) => `${JSON.stringify(line)}\n`).join(''), GZIP);
      return { body, type: 'application/gzip', metadata: { events: String(left.length) } };
    },
  };
}

const LIST = /\/(recipients|rejected)-\d+-[0-9a-f]{64}\.ndjson$/;
const CAMPAIGN = /\/(manifest|content)-[0-9a-f]{64}\.json$/;
const CLAIM = /\/_data\/[^/]+\/[^/]+\/[0-9a-f]{64}$/;

/** What a job's data holds about the person: all of it, or some of its events. */
function lookAtJob(data: Fields, { job, event }: Matcher): Look {
  const events = Array.isArray(data?.events) ? (data.events as Fields[]).filter(event) : [];
  return { found: job(data) ? [data] : events };
}

export const SCANS = {
  bodies: {
    look: (bytes, matcher) => lookAtJob((jsonOf(text(bytes)) as { data?: Fields } | undefined)?.data, matcher),
  },
  lists: {
    takes: (key) => LIST.test(key),
    look: async (bytes, { recipient }, key) => {
      const instead = key.includes('/recipients-') ? ERASED_LINE : '';
      const look = await lookAtLines(bytes, key, (line) => recipient(jsonOf(line)), instead);
      return { ...look, found: look.found.map((line) => jsonOf(String(line))) };
    },
  },
  data: {
    takes: (key) => !LIST.test(key),
    look: (bytes, matcher, key) => {
      const given = text(bytes);
      const look = lookAtJob(jsonOf(given) as Fields, matcher);
      // What belongs to no job of ours: any program that may write here can have left it.
      const isStray = !CLAIM.test(key) && !CAMPAIGN.test(key) && matcher.names(given);
      return isStray ? { found: [given] } : look;
    },
  },
  uploads: {
    atOnce: 1,
    // Lists of recipients. Another user's attachment may name the person, and stays.
    takes: (key) => /\/_attachments\/emails\/.*\.(csv|ndjson)$/.test(key),
    look: (bytes, { names }, key) => lookAtLines(bytes, key, names),
  },
  records: {
    atOnce: 64,
    look: (bytes, { row }) => {
      const record = jsonOf(text(bytes)) as JobRow | undefined;
      if (!record || !row(record)) return { found: [] };
      return { found: [record], without: () => ({ body: JSON.stringify(redacted(record)), type: 'application/json' }) };
    },
  },
  events: { look: (bytes, { event }) => lookAtEvents(bytes, event) },
  rejected: {
    look: (bytes, { event }) => lookAtEvents(bytes, (line) => event(line) || event(line.event as Fields)),
  },
  parquet: {
    atOnce: 1,
    // Counts name no person.
    takes: (key) => !key.endsWith('.json'),
    look: async (bytes, { event }) => {
      const { found, others } = await partsOf(await fromParquet(bytes), (row) => event({ ...row }));
      return {
        found,
        without: () => ({ body: toParquet(others(), propertyColumnsOf(bytes)), type: PARQUET }),
      };
    },
  },
} satisfies Partial<Record<PlaceName, Scan>>;

export type ScanName = keyof typeof SCANS;
export const SCAN_NAMES = Object.keys(SCANS) as ScanName[];

/** For a command that reads hours of events. Node has zstd since 22.15, and without it each hour would look damaged. */
export function needsZstd(): void {
  if (zlib.zstdDecompressSync === undefined)
    throw new OperatorError(
      `Node ${process.versions.node} cannot read hours of events. Start the command as npx sls, which brings a newer Node.`,
    );
}

/** Larger lists of recipients do not fit into the memory of a command. */
const MOST_BYTES = 128 * MIB;
const PAGE = 1_000;

/** Pages of the keys of a place. Memory is bounded for any number of objects. */
async function* keysOf({ objects, prefix, queueNames }: Reader, name: ScanName): AsyncGenerator<string[]> {
  const { folders } = PLACES[name] as Place;
  const { takes = () => true } = SCANS[name] as Scan;
  for (const folder of folders?.(prefix, queueNames) ?? [])
    for (let after: string | undefined; ; ) {
      const keys = await objects.list(folder, { limit: PAGE, ...(after !== undefined && { after }) });
      yield keys.filter(takes);
      if (keys.length < PAGE) break;
      after = keys.at(-1);
    }
}

export async function countObjects(reader: Reader, scans: readonly ScanName[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of scans)
    for await (const { length } of keysOf(reader, name)) counts[name] = (counts[name] ?? 0) + length;
  return counts;
}

/**
 * Finds what the service holds about a person: first the rows of their jobs, by keyed hashes, with what belongs to
 * them, then by a scan of each named place. Each object comes once. `onProgress` gets the number of objects read.
 */
export async function* findPerson(
  reader: Reader,
  person: Person,
  options: { scans?: readonly ScanName[]; signal?: AbortSignal; onProgress?: (read: number) => void } = {},
): AsyncGenerator<Found> {
  const { scans = SCAN_NAMES, signal, onProgress } = options;
  const matcher = await matcherOf(reader, person);
  const seen = new Set<string>();
  const isNew = ({ key }: Found) => !seen.has(key) && seen.add(key);
  const { rows, unread } = await listJobs(reader, person);
  for (const key of unread) yield { place: 'rows', key, unread: ROW_DAMAGED };
  for (const row of rows) for (const found of await ofRow(reader, row)) if (isNew(found)) yield found;
  let read = 0;
  for (const name of scans)
    for await (const page of keysOf(reader, name)) {
      if (signal?.aborted) return;
      const answers = await mapEach(page, (SCANS[name] as Scan).atOnce ?? 16, (key) => {
        onProgress?.(++read);
        return lookInto(reader.objects, name, key, matcher);
      });
      for (const found of answers.flat()) if (isNew(found)) yield found;
    }
}

async function lookInto(objects: Pick<Objects, 'get'>, name: ScanName, key: string, matcher: Matcher) {
  try {
    const bytes = await objects.get(key, { mostBytes: MOST_BYTES });
    const { found } = bytes ? await SCANS[name].look(bytes, matcher, key) : { found: [] };
    return found.length > 0 ? [{ place: name, key, data: found }] : [];
  } catch (error) {
    // An object that is too large or damaged. A bucket that fails ends the search.
    if (error instanceof StoreError && error.code !== 'S3.TooLarge') throw error;
    return [{ place: name, key, unread: error instanceof StoreError ? error.code : 'damaged' }];
  }
}

async function ofRow({ objects, prefix }: Reader, row: JobRow): Promise<Found[]> {
  const { queue, id: job, files = [] } = row;
  const body = bodyKey(prefix, queue, job);
  const [kept, claims] = await Promise.all([objects.get(body), objects.list(`${dataPrefix(prefix, queue)}${job}/`)]);
  return [
    { place: 'rows', key: row.key, job, data: jobView(row, prefix) },
    ...(kept ? [{ place: 'bodies' as const, key: body, job, data: jsonOf(text(kept)) }] : []),
    ...claims.map((key) => ({ place: 'data' as const, key, job })),
    ...files.map((key) => ({ place: 'uploads' as const, key, job })),
  ];
}
