import { mapEach } from '../concurrency';
import { groupBy } from '../group-by';
import { sha256 } from '../jobs/envelope';
import type { Clock, Objects } from '../ports';
import { moveAside } from './aside';
import { holds } from './inspect';
import {
  asideKey,
  compactedKey,
  compactedPartition,
  DATA_SUFFIX,
  dataPartition,
  jobOf,
  manifestPartition,
  nameOf,
  rejectedPartition,
} from './keys';
import { countLines, linesOf, messagesOf, originOf } from './lines';
import { addEntries, entriesIn, type ManifestEntry, type Moved, manifestText, NDJSON, readManifests } from './manifest';

/** A stored object of an hour that is not as it was written. `key` names it. */
export interface Damage {
  key: string;
  problem: 'damaged' | 'missing' | 'without an entry';
  repaired: boolean;
}

export interface DamageDeps {
  objects: Objects;
  clock: Clock;
  prefix: string;
}

interface Hour {
  hour: number;
  repair: boolean;
}

const AT_ONCE = 16;

/**
 * Finds the damaged objects of an hour. A repair moves damaged objects aside, keeps the whole lines of a manifest, and
 * gives entries to messages that only an unnamed compacted object holds. It cannot repair a compacted object whose
 * messages are nowhere else: restore it from the bucket's versions.
 */
export async function damageIn(deps: DamageDeps, hour: Hour): Promise<Damage[]> {
  const manifests = await damagedManifests(deps, hour);
  const originals = await damagedOriginals(deps, hour);
  // Without whole manifests the rest cannot be compared.
  if (manifests.some(({ repaired }) => !repaired)) return [...manifests, ...originals];
  return [...manifests, ...originals, ...(await damagedCompacted(deps, hour))];
}

async function damagedManifests(deps: DamageDeps, { hour, repair }: Hour): Promise<Damage[]> {
  const { objects, prefix } = deps;
  const found: Damage[] = [];
  for (const key of await objects.list(manifestPartition(prefix, hour))) {
    const stored = await objects.read(key);
    if (!stored) continue;
    const { entries, whole } = entriesIn(stored.bytes);
    if (whole) continue;
    found.push({ key, problem: 'damaged', repaired: repair });
    if (!repair) continue;
    if (entries.length === 0) {
      await moveAside(deps, key, stored.bytes);
      continue;
    }
    await objects.put(asideKey(prefix, key), stored.bytes, NDJSON);
    await objects.replace(key, manifestText(entries), NDJSON, stored.etag);
  }
  return found;
}

async function damagedOriginals({ objects, prefix }: DamageDeps, { hour, repair }: Hour): Promise<Damage[]> {
  const partitions = [dataPartition(prefix, hour), rejectedPartition(prefix, hour)];
  const keys = (await mapEach(partitions, 2, (partition) => objects.list(partition))).flat();
  const found = await mapEach(keys, AT_ONCE, async (key): Promise<Damage[]> => {
    const bytes = key.endsWith(DATA_SUFFIX) ? await objects.get(key) : undefined;
    if (!bytes || linesOf(key, bytes)) return [];
    if (repair) await moveAside({ objects, prefix }, key, bytes);
    return [{ key, problem: 'damaged', repaired: repair }];
  });
  return found.flat();
}

async function damagedCompacted(deps: DamageDeps, { hour, repair }: Hour): Promise<Damage[]> {
  const { objects, prefix } = deps;
  const found: Damage[] = [];
  const merged = await objects.list(compactedPartition(prefix, hour));
  const originals = (await objects.list(dataPartition(prefix, hour))).map(jobOf);
  const { entries, moved } = await readManifests(deps, hour);
  const covered = new Set([...moved.keys(), ...originals]);
  const named = groupBy(entries, ({ object }) => object);
  const unnamed = merged.flatMap((key) => nameOf(key) ?? []).filter((name) => !named.has(name));
  for (const name of [...named.keys(), ...unnamed]) {
    const key = compactedKey(prefix, { time: hour, name });
    const known = named.get(name) ?? [];
    const bytes = await objects.get(key);
    if (bytes && known.length > 0 && holds(key, bytes, known)) continue;
    const messages = bytes && messagesOf(key, bytes);
    const missing = messages && [...messages.keys()].filter((job) => !known.some((entry) => entry.job === job));
    // Garbage of a crashed run, which compaction deletes.
    if (known.length === 0 && (!bytes || missing?.every((job) => covered.has(job)))) continue;
    const isWhole = messages && known.every(({ job, sha256: hash }) => sha256(messages.get(job) ?? '') === hash);
    if (!bytes || !messages || !isWhole || !missing) {
      // Compaction merges the originals again, if they still exist. Nothing names an unnamed object, so it can go.
      const repaired = repair && bytes !== undefined && known.length === 0;
      if (repaired) await moveAside(deps, key, bytes);
      found.push({ key, problem: bytes ? 'damaged' : 'missing', repaired });
      continue;
    }
    const repaired = repair && missing.every((job) => !covered.has(job));
    if (repaired) await nameAll(deps, { hour, name, messages, moved });
    for (const job of missing) covered.add(job);
    found.push({ key, problem: 'without an entry', repaired });
  }
  return found;
}

/** Gives every message of a compacted object its entry, in the order of the object's lines. */
async function nameAll(
  deps: DamageDeps,
  { hour, name, messages, moved }: { hour: number; name: string; messages: Map<string, Buffer>; moved: Moved },
): Promise<void> {
  const from = new Date(deps.clock.now()).toISOString();
  const entries = [...messages].map(
    ([job, text]): ManifestEntry =>
      moved.get(job) ?? {
        ...{ job, object: name, from },
        ...originOf(text),
        events: countLines(text),
        sha256: sha256(text),
      },
  );
  await addEntries(deps, { hour, entries, replaced: moved });
}
