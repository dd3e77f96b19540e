import { constants, zstdCompressSync } from 'node:zlib';
import { sha256 } from '../jobs/envelope';
import type { Clock, Log, Objects, Random } from '../ports';
import { moveAside } from './aside';
import { inspect } from './inspect';
import { compactedKey, compactedPartition, DATA_SUFFIX, dataPartition, jobOf, nameOf } from './keys';
import { countLines, linesOf, messagesOf, originOf } from './lines';
import { addEntries, type ManifestEntry, type Manifests, type Moved, readManifests } from './manifest';

export interface CompactionDeps {
  objects: Objects;
  clock: Clock;
  random: Random;
  log: Log;
  prefix: string;
  /**
   * A reader may list the bucket this much earlier or later than it reads the manifests, ms. A compacted object exists
   * this long before readers use it, and the originals stay this long afterwards.
   */
  graceMs: number;
  /** Approximate bytes of NDJSON in one compacted object. */
  targetBytes: number;
}

/** A sixth smaller than with zstd's default level 3. We write once, and query engines bill every read by size. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 9 } };

/** How many objects to read at the same time. */
const READS = 16;

/** Longer than any run. So a younger object may belong to a run that has not named it yet. */
const UNNAMED_MS = 24 * 60 * 60_000;

/** The content of one message's own object. */
interface Original {
  key: string;
  text: Buffer;
}

/**
 * Merges the messages' own objects of an hour into a few large ones, and deletes originals that were merged long enough
 * ago. A crash after any step is safe: first the compacted object, then its entries in the manifest, and in a later run
 * the deletion of the originals. So is another compaction of the same hour, in this instance or another one:
 *
 * - Only one of them gets its entries into the manifest, and it names an object that only it writes.
 * - A run deletes an original only if it has just read the same lines from the compacted object.
 */
export async function compactHour(deps: CompactionDeps, hour: number, mayGoOn: () => boolean): Promise<void> {
  const { objects, prefix } = deps;
  const keys = (await objects.list(dataPartition(prefix, hour))).filter((key) => key.endsWith(DATA_SUFFIX));
  const merged = await objects.list(compactedPartition(prefix, hour));
  // Read after the lists. So an object in a list without an entry here had none when the list was made.
  const manifests = await readManifests(deps, hour);
  const jobs = new Set(keys.map(jobOf));
  const unnamed = await deleteUnnamed(deps, { merged, manifests, jobs });
  const { intact, again } = await inspect(deps, { hour, jobs, manifests });
  // While an hour has originals, later runs come back to it. One original waits for the unnamed objects to be deleted.
  await deleteMoved(deps, { keys: unnamed ? keys.slice(1) : keys, moved: manifests.moved, intact, mayGoOn });

  const fresh = keys.filter((key) => !manifests.moved.has(jobOf(key)) || again.has(jobOf(key)));
  let chunk: Original[] = [];
  let bytes = 0;
  for (let at = 0; at < fresh.length && mayGoOn(); at += READS) {
    for (const original of await readAll(deps, fresh.slice(at, at + READS))) {
      chunk.push(original);
      bytes += original.text.length;
      if (bytes < deps.targetBytes) continue;
      if (!(await merge(deps, { hour, originals: chunk, replaced: again }))) return;
      chunk = [];
      bytes = 0;
    }
  }
  if (mayGoOn() && chunk.length > 0) await merge(deps, { hour, originals: chunk, replaced: again });
}

/**
 * Returns `false` if another compaction has merged one of these originals. Then the new object stays without a name.
 */
async function merge(
  deps: CompactionDeps,
  { hour, originals, replaced }: { hour: number; originals: Original[]; replaced: Moved },
): Promise<boolean> {
  const { objects, prefix, clock, random, log } = deps;
  const name = random.uuid().replaceAll('-', '');
  const bytes = zstdCompressSync(Buffer.concat(originals.map(({ text }) => text)), ZSTD);
  await objects.put(compactedKey(prefix, { time: hour, name }), bytes, 'application/zstd');

  const from = new Date(clock.now() + deps.graceMs).toISOString();
  const entries = originals.map(
    ({ key, text }): ManifestEntry => ({
      job: jobOf(key),
      object: name,
      from,
      ...originOf(text),
      events: countLines(text),
      sha256: sha256(text),
    }),
  );
  if (!(await addEntries(deps, { hour, entries, replaced }))) {
    log.info('another compaction merged the same messages', { count: originals.length });
    return false;
  }
  log.info('compacted', { count: originals.length, bytes: bytes.length });
  return true;
}

async function readAll({ objects, log }: CompactionDeps, keys: string[]): Promise<Original[]> {
  const read = await Promise.all(keys.map(async (key) => ({ key, bytes: await objects.get(key) })));
  return read.flatMap(({ key, bytes }) => {
    const text = bytes && linesOf(key, bytes);
    if (text) return [{ key, text }];
    if (bytes === undefined) return [];
    log.error('an object is damaged and stays unchanged', { jobId: jobOf(key), code: 'OriginalDamaged', key });
    return [];
  });
}

async function deleteMoved(
  { objects, clock, graceMs }: CompactionDeps,
  {
    keys,
    moved,
    intact,
    mayGoOn,
  }: { keys: string[]; moved: Moved; intact: ReadonlySet<string>; mayGoOn: () => boolean },
): Promise<void> {
  for (const key of keys) {
    const entry = moved.get(jobOf(key));
    if (!entry || !intact.has(entry.object) || Date.parse(entry.from) + graceMs > clock.now()) continue;
    if (!mayGoOn()) return;
    await objects.delete(key);
  }
}

/**
 * Deletes compacted objects that no manifest names and that are too old to get a name. They come from crashed runs, or
 * from runs that another one overtook. An object with a message that is nowhere else stays, because then the manifest
 * has lost an entry. An unreadable object moves aside. Returns whether unnamed objects are left. `jobs`: the messages
 * with an original.
 */
async function deleteUnnamed(
  { objects, prefix, clock, log }: CompactionDeps,
  { merged, manifests, jobs }: { merged: string[]; manifests: Manifests; jobs: ReadonlySet<string> },
): Promise<boolean> {
  const names = new Set(manifests.entries.map(({ object }) => object));
  const covered = new Set([...manifests.moved.keys(), ...jobs]);
  let left = false;
  for (const key of merged) {
    const name = nameOf(key);
    if (name === undefined || names.has(name)) continue;
    const stored = await objects.read(key);
    if (!stored) continue;
    const messages = messagesOf(key, stored.bytes);
    if (stored.modifiedAt + UNNAMED_MS > clock.now()) left = true;
    else if (messages && [...messages.keys()].every((job) => covered.has(job))) await objects.delete(key);
    else if (!messages) await moveAside({ objects, prefix }, key, stored.bytes);
    else {
      left = true;
      log.error('no manifest names the only copy of a message', { code: 'UnnamedOnlyCopy', key });
    }
  }
  return left;
}
