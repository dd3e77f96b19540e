import { hash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import * as z from 'zod';
import { mapEach } from '../../platform/concurrency';
import type { Objects } from '../../platform/ports';
import { jsonOf } from '../../platform/text';
import { countsKey, hourIn, parquetPrefix, rejectedPrefix } from './keys';
import { fromParquet } from './parquet';

const count = z.int().min(0);
const counted = z.array(z.tuple([z.string(), count]));

/** What an hour holds, as numbers by names of events and rules. Nothing in it is about a person. */
const countsSchema = z.object({
  /** The Parquet objects that were counted. */
  parts: count,
  events: count,
  users: count,
  /** The most frequent first. */
  names: counted,
  /** Events of all other names. */
  others: count,
  /** By rule. Left out if it was not counted. */
  rejected: counted.optional(),
});
export type Counts = z.infer<typeof countsSchema>;

/** `undefined`: the hour is not counted. `parts`: the Parquet objects that it has. */
export function countsIn(bytes: Uint8Array | undefined, parts: number): Counts | undefined {
  const { data } = countsSchema.safeParse(jsonOf(Buffer.from(bytes ?? []).toString()));
  return data?.parts === parts ? data : undefined;
}

type CountsDeps = { objects: Objects; prefix: string; mayRead?: () => boolean };

const MOST_NAMES = 200;
/** Names beyond these are not even counted, so that no hour fills the memory. */
const MOST_KNOWN = 10_000;
const MOST_REJECTED = 20_000;
const READS = 64;

/** Counts an hour's Parquet anew. Who counted an older version of it does not replace newer counts, but counts again. */
export async function writeCounts(deps: CountsDeps, hour: number): Promise<void> {
  const { objects, prefix } = deps;
  const key = countsKey(prefix, hour);
  for (;;) {
    const before = await objects.read(key);
    const parts = (await objects.list(hourIn(parquetPrefix(prefix), hour))).filter((one) => one.endsWith('.parquet'));
    if (parts.length === 0) return;
    const sets = new Set(parts.map((one) => /-of-\d+\.parquet$/.exec(one)?.[0]));
    // Several sets may have the same event.
    const body = sets.size > 1 || sets.has(undefined) ? '' : JSON.stringify(await countsOf(deps, hour, parts));
    if (before && Buffer.from(before.bytes).toString() === body) return;
    const answer = before
      ? await objects.replace(key, body, 'application/json', before.etag)
      : await objects.create(key, body, 'application/json');
    if (answer === 'replaced' || answer === 'created') return;
  }
}

async function countsOf(deps: CountsDeps, hour: number, parts: readonly string[]): Promise<Counts> {
  const names = new Map<string, number>();
  // Of each user 52 bits of a hash: a million of them need no more memory than a part does.
  const users = new Set<number>();
  let events = 0;
  for (const part of parts) {
    const rows = await fromParquet((await deps.objects.get(part)) ?? new Uint8Array(), ['event_name', 'user_id']);
    events += rows.length;
    for (const { event_name: name } of rows) add(names, name);
    for (const user of new Set(rows.map((row) => row.user_id)))
      if (user !== null) users.add(Number.parseInt(hash('sha256', user).slice(0, 13), 16));
  }
  const most = mostOf(names);
  const others = events - most.reduce((sum, [, of]) => sum + of, 0);
  const rejected = await rejectedIn(deps, hour);
  return { parts: parts.length, events, users: users.size, names: most, others, ...(rejected && { rejected }) };
}

/** Rejected events by rule. `undefined`: they cannot all be read now. A name of a field may be a user's word. */
async function rejectedIn({ objects, prefix, mayRead = () => true }: CountsDeps, hour: number) {
  const keys = await objects.list(hourIn(rejectedPrefix(prefix), hour), { limit: MOST_REJECTED });
  const rules = new Map<string, number>();
  let isWhole = keys.length < MOST_REJECTED;
  await mapEach(isWhole ? keys : [], READS, async (key) => {
    const bytes = mayRead() ? await objects.get(key) : undefined;
    try {
      const lines = gunzipSync(bytes ?? '').toString();
      for (const line of lines.split('\n')) if (line) add(rules, String(JSON.parse(line).rule));
    } catch {
      isWhole = false;
    }
  });
  return isWhole ? mostOf(rules) : undefined;
}

function add(sums: Map<string, number>, name: string): void {
  if (sums.size < MOST_KNOWN || sums.has(name)) sums.set(name, (sums.get(name) ?? 0) + 1);
}

const mostOf = (sums: Map<string, number>) => [...sums].sort(([, a], [, b]) => b - a).slice(0, MOST_NAMES);
