import { groupBy } from '../group-by';
import type { Log, Objects } from '../ports';
import { compactedKey } from './keys';
import { agrees, textOf } from './lines';
import type { ManifestEntry, Manifests, Moved } from './manifest';

/** What a run may do with originals that a manifest names. */
export interface Inspected {
  /** The compacted objects that hold all lines of their messages. */
  intact: ReadonlySet<string>;
  /** The messages whose compacted object is lost. Their originals must be merged again. */
  again: Moved;
}

/**
 * Reads each compacted object whose messages still have originals, and compares its lines with the manifest. `jobs`: the
 * messages with an original.
 */
export async function inspect(
  { objects, prefix, log }: { objects: Objects; prefix: string; log: Log },
  { hour, jobs, manifests }: { hour: number; jobs: ReadonlySet<string>; manifests: Manifests },
): Promise<Inspected> {
  const { entries, moved } = manifests;
  const intact = new Set<string>();
  const again = new Map<string, ManifestEntry>();
  const named = groupBy(entries, ({ object }) => object);
  const needed = new Set([...moved.values()].filter(({ job }) => jobs.has(job)).map(({ object }) => object));
  for (const name of needed) {
    const key = compactedKey(prefix, { time: hour, name });
    const messages = named.get(name) ?? [];
    const bytes = await objects.get(key);
    if (bytes && holds(key, bytes, messages)) {
      intact.add(name);
      continue;
    }
    log.error('a compacted object is not as its manifest says', {
      code: bytes ? 'CompactedDamaged' : 'CompactedMissing',
      ...{ key },
    });
    // A reader may still take lines from a damaged object. So either all its messages leave it, or none.
    if (bytes && !messages.every(({ job }) => jobs.has(job))) continue;
    for (const entry of messages)
      if (jobs.has(entry.job) && moved.get(entry.job) === entry) again.set(entry.job, entry);
  }
  return { intact, again };
}

/** Whether a compacted object is exactly the lines of these messages. */
export function holds(key: string, bytes: Uint8Array, messages: readonly ManifestEntry[]): boolean {
  try {
    return agrees(textOf(key, bytes), messages);
  } catch {
    return false;
  }
}
