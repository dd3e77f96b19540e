import { gunzipSync } from 'node:zlib';
import { IdTakenError, StoreError } from '../errors';
import type { Objects } from '../ports';
import type { Encoded } from './encode';

/** The name in S3's metadata by which an erasure marks an object that it has rewritten. */
export const ERASED = 'erased';

/**
 * Writes a message's object (gzip NDJSON) if there is none. An object with the same lines comes from an earlier delivery
 * of this message. It compares lines, because another zlib makes other bytes. An object from which lines were erased counts as written. Throws an IdTakenError for other lines.
 */
export async function writeOnce(
  objects: Objects,
  key: string,
  { bytes, metadata }: Pick<Encoded, 'bytes'> & { metadata: Record<string, string> },
): Promise<void> {
  if ((await objects.create(key, bytes, 'application/gzip', metadata)) === 'created') return;
  const stored = await objects.read(key);
  // An operator or a lifecycle rule removed it between the two calls. The next delivery writes it again.
  if (!stored) throw new StoreError({ code: 'ObjectGone', message: 'the object was just removed' });
  if (!(ERASED in stored.metadata) && !hasLines(stored.bytes, gunzipSync(bytes))) throw new IdTakenError();
}

function hasLines(stored: Uint8Array, lines: Buffer): boolean {
  try {
    return gunzipSync(stored).equals(lines);
  } catch {
    // The object is not ours, and we must not overwrite it either.
    return false;
  }
}
