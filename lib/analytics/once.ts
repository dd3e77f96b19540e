import { gunzipSync } from 'node:zlib';
import { IdTakenError, StoreError } from '../errors';
import { sha256 } from '../jobs/envelope';
import type { Objects } from '../ports';
import type { Encoded } from './encode';
import type { ManifestEntry } from './manifest';

/**
 * Writes a message's object (gzip NDJSON) where there is none. One with the same lines is this message's own, of a
 * delivery before this one; another zlib may have made other bytes of them. Throws an IdTakenError where it has others.
 */
export async function writeOnce(
  objects: Objects,
  key: string,
  { bytes, metadata }: Pick<Encoded, 'bytes'> & { metadata: Record<string, string> },
): Promise<void> {
  if ((await objects.create(key, bytes, 'application/gzip', metadata)) === 'created') return;
  const stored = await objects.get(key);
  // Compacted between the two calls: who comes next finds it in the manifest.
  if (!stored) throw new StoreError({ code: 'ObjectGone', message: 'an object was removed just now' });
  if (!hasLines(stored, gunzipSync(bytes))) throw new IdTakenError();
}

/** Throws an IdTakenError where the lines that a manifest names under the message's id are not its own. */
export function refuseOther({ sha256: compacted }: ManifestEntry, { bytes }: Encoded): void {
  if (sha256(gunzipSync(bytes)) !== compacted) throw new IdTakenError();
}

function hasLines(stored: Uint8Array, lines: Buffer): boolean {
  try {
    return gunzipSync(stored).equals(lines);
  } catch {
    // Nothing of ours: it must not be overwritten either.
    return false;
  }
}
