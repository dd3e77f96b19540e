import { constants, zstdCompressSync } from 'node:zlib';
import { sha256 } from '../jobs/envelope';
import type { Clock, Log, Metrics, Objects } from '../ports';
import { compactedKey, compactedPartition, DATA_SUFFIX, dataPartition, jobOf, manifestKey, nameOf } from './keys';
import { countLines, originOf, textOf } from './lines';
import { type ManifestEntry, type Moved, manifestText, readManifests } from './manifest';

export interface CompactionDeps {
  objects: Objects;
  clock: Clock;
  log: Log;
  metrics: Metrics;
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

/** The content of one message's own object. */
interface Original {
  key: string;
  text: Buffer;
}

/**
 * Merges the messages' own objects of an hour into a few large ones, and deletes originals that were merged long enough
 * ago. A crash after any step is safe: first the compacted object, then its manifest, and in a later run the deletion of
 * the originals. The caller makes sure that only one run works at a time.
 */
export async function compactHour(deps: CompactionDeps, hour: number, mayGoOn: () => boolean): Promise<void> {
  const { objects, prefix } = deps;
  const keys = (await objects.list(dataPartition(prefix, hour))).filter((key) => key.endsWith(DATA_SUFFIX));
  const moved = await readManifests(deps, hour);
  await deleteMoved(deps, { keys, moved, mayGoOn });

  const names = new Set([...moved.values()].map(({ object }) => object));
  const fresh = keys.filter((key) => !moved.has(jobOf(key)));
  let chunk: Original[] = [];
  let bytes = 0;
  for (let at = 0; at < fresh.length && mayGoOn(); at += READS) {
    for (const original of await readAll(deps, fresh.slice(at, at + READS))) {
      chunk.push(original);
      bytes += original.text.length;
      if (bytes < deps.targetBytes) continue;
      names.add(await merge(deps, { hour, originals: chunk }));
      chunk = [];
      bytes = 0;
    }
  }
  if (!mayGoOn()) return;
  if (chunk.length > 0) names.add(await merge(deps, { hour, originals: chunk }));
  await deleteUnnamed(deps, { hour, names });
}

/** Returns the object's name. The same originals make the same name, so a repeat after a crash leaves no second object. */
async function merge(
  deps: CompactionDeps,
  { hour, originals }: { hour: number; originals: Original[] },
): Promise<string> {
  const { objects, prefix, clock, metrics, log } = deps;
  const name = sha256(originals.map(({ key }) => jobOf(key)).join('\n')).slice(0, 32);
  const place = { time: hour, name };
  const bytes = zstdCompressSync(Buffer.concat(originals.map(({ text }) => text)), ZSTD);
  await objects.put(compactedKey(prefix, place), bytes, 'application/zstd');

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
  await objects.put(manifestKey(prefix, place), manifestText(entries), 'application/x-ndjson');
  metrics.add('ObjectsCompacted', originals.length, 'Count', {});
  log.info('compacted', { count: originals.length, bytes: bytes.length });
  return name;
}

async function readAll({ objects, log }: CompactionDeps, keys: string[]): Promise<Original[]> {
  const read = await Promise.all(keys.map(async (key) => ({ key, bytes: await objects.get(key) })));
  return read.flatMap(({ key, bytes }) => {
    try {
      return bytes ? [{ key, text: textOf(key, bytes) }] : [];
    } catch {
      log.error('an object is not gzip and stays unchanged', { jobId: jobOf(key), code: 'NotGzip' });
      return [];
    }
  });
}

async function deleteMoved(
  { objects, clock, graceMs }: CompactionDeps,
  { keys, moved, mayGoOn }: { keys: string[]; moved: Moved; mayGoOn: () => boolean },
): Promise<void> {
  for (const key of keys) {
    const entry = moved.get(jobOf(key));
    if (!entry || Date.parse(entry.from) + graceMs > clock.now()) continue;
    if (!mayGoOn()) return;
    await objects.delete(key);
  }
}

/** Deletes compacted objects without a manifest. They come from a crashed run, if this run merged another set. */
async function deleteUnnamed(
  { objects, prefix }: CompactionDeps,
  { hour, names }: { hour: number; names: ReadonlySet<string> },
): Promise<void> {
  for (const key of await objects.list(compactedPartition(prefix, hour)))
    if (!names.has(nameOf(key))) await objects.delete(key);
}
