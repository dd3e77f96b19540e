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
   * How far a reader's look at the bucket may be from its look at the manifests: so long before a compacted object is
   * taken it exists, and so long after that the originals do.
   */
  graceMs: number;
  /** Bytes of NDJSON in one compacted object, about. */
  targetBytes: number;
}

/** Written once and read often, and query engines bill what they read: a sixth smaller than by zstd's own level 3. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 9 } };

/** Objects that are read at once. */
const READS = 16;

/** A message's own object, read. */
interface Original {
  key: string;
  text: Buffer;
}

/**
 * Merges what an hour has of messages' own objects into few large ones, and deletes those that were merged long enough
 * ago. Every step may be the last: compacted object, then the manifest that names it, then, in a later run, the
 * originals. Only one run at a time (run-alone.ts).
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

/** Answers the name of what was written. The same originals make the same object: a run that died left no other. */
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
      log.error('an object is not what its name says, and stays as it is', { jobId: jobOf(key), code: 'NotGzip' });
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

/** Compacted objects that no manifest names: a run died before it wrote that, and this one had more to merge. */
async function deleteUnnamed(
  { objects, prefix }: CompactionDeps,
  { hour, names }: { hour: number; names: ReadonlySet<string> },
): Promise<void> {
  for (const key of await objects.list(compactedPartition(prefix, hour)))
    if (!names.has(nameOf(key))) await objects.delete(key);
}
