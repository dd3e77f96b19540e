import { PermanentError } from '../errors';
import type { Objects } from '../ports';
import { manifestKey, manifestPartition } from './keys';

/** A message whose events moved into a compacted object. */
export interface ManifestEntry {
  job: string;
  /** The name of the compacted object without its extension. */
  object: string;
  /**
   * ISO 8601. Before this time readers use the message's own object, and afterwards the compacted one. It is in the
   * future when it is written. So a reader may list the bucket a little earlier or later than it reads the manifests.
   */
  from: string;
  source: string | null;
  group: string | null;
  sequence: number | null;
  events: number;
  /** The hash of the message's lines, hex. It identifies another message with the same id. */
  sha256: string;
}

/** The messages of an hour that moved, by job. */
export type Moved = ReadonlyMap<string, ManifestEntry>;

/** All manifests of an hour. */
export interface Manifests {
  entries: readonly ManifestEntry[];
  moved: Moved;
  /** The hour's own manifest, which compaction changes. The other ones are of revision 28eb1b2. */
  own?: { entries: readonly ManifestEntry[]; etag: string };
}

export interface Store {
  objects: Objects;
  prefix: string;
}

/** Reads all manifests of an hour. Throws a PermanentError (`ManifestDamaged`). */
export async function readManifests({ objects, prefix }: Store, hour: number): Promise<Manifests> {
  const all = new Map<string, ManifestEntry>();
  let own: Manifests['own'];
  for (const key of await objects.list(manifestPartition(prefix, hour))) {
    const stored = await objects.read(key);
    if (!stored) continue;
    const { entries, whole } = entriesIn(stored.bytes);
    if (!whole) throw manifestDamaged();
    for (const entry of entries) {
      const place = `${entry.object} ${entry.job}`;
      all.delete(place);
      all.set(place, entry);
    }
    if (key === manifestKey(prefix, hour)) own = { entries, etag: stored.etag };
  }
  // The hour's own manifest comes last, because its name sorts after all hexadecimal names. So its entries win.
  const entries = [...all.values()];
  const moved = new Map(entries.map((entry) => [entry.job, entry]));
  return { entries, moved, ...(own && { own }) };
}

/**
 * Adds these entries to the hour's manifest, in place of the `replaced` entries of their jobs. Returns `false` and adds
 * nothing if another compaction has changed one of these jobs.
 */
export async function addEntries(
  { objects, prefix }: Store,
  { hour, entries, replaced }: { hour: number; entries: readonly ManifestEntry[]; replaced: Moved },
): Promise<boolean> {
  const key = manifestKey(prefix, hour);
  const jobs = new Set(entries.map(({ job }) => job));
  for (;;) {
    const { moved, own } = await readManifests({ objects, prefix }, hour);
    // The answer of our own write was lost, and the SDK wrote again.
    if (entries.every(({ job, object }) => moved.get(job)?.object === object)) return true;
    if ([...jobs].some((job) => moved.get(job)?.object !== replaced.get(job)?.object)) return false;
    const text = manifestText([...(own?.entries ?? []).filter(({ job }) => !jobs.has(job)), ...entries]);
    const answer = own ? await objects.replace(key, text, NDJSON, own.etag) : await objects.create(key, text, NDJSON);
    if (answer === 'replaced' || answer === 'created') return true;
  }
}

export const NDJSON = 'application/x-ndjson';

/** The manifest cannot say where the hour's events are. */
const manifestDamaged = (): PermanentError =>
  new PermanentError({
    code: 'ManifestDamaged',
    message: 'manifest: the manifest of its hour is damaged',
    field: 'manifest',
  });

/** The entries of a manifest's lines, and whether the manifest is whole. Compaction writes no empty one. */
export function entriesIn(bytes: Uint8Array): { entries: ManifestEntry[]; whole: boolean } {
  const lines = Buffer.from(bytes).toString('utf8').split('\n').filter(Boolean);
  const entries = lines.flatMap((line) => entryOf(line) ?? []);
  return { entries, whole: entries.length > 0 && entries.length === lines.length };
}

function entryOf(line: string): ManifestEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<ManifestEntry> | null;
    const texts = [entry?.job, entry?.object, entry?.from, entry?.sha256];
    const whole = texts.every((text) => typeof text === 'string') && typeof entry?.events === 'number';
    return whole && !Number.isNaN(Date.parse(String(entry?.from))) ? (entry as ManifestEntry) : undefined;
  } catch {
    return undefined;
  }
}

export const manifestText = (entries: readonly ManifestEntry[]): string =>
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
