import type { Objects } from '../ports';
import { asideKey } from './keys';

/** Moves a damaged object aside. So it is kept, and queries do not read it. */
export async function moveAside(
  { objects, prefix }: { objects: Objects; prefix: string },
  key: string,
  bytes: Uint8Array,
): Promise<void> {
  await objects.put(asideKey(prefix, key), bytes, 'application/octet-stream');
  await objects.delete(key);
}
