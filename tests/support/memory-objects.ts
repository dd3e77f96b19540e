import { createHash } from 'node:crypto';
import { StoreError } from '../../lib/platform/errors';
import { type Objects, TOO_LARGE } from '../../lib/platform/ports';

/** As S3 orders keys. Of texts without a surrogate, the order of their UTF-16 is that of their bytes. */
const byBytes = (a: string, b: string): number =>
  SURROGATE.test(a) || SURROGATE.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : a > b ? 1 : 0;
const SURROGATE = /[\ud800-\udfff]/;

/** What a list of these keys shows. */
export const listed = (keys: string[], prefix: string, { after, limit }: Parameters<Objects['list']>[1] = {}) =>
  keys
    .filter((key) => key.startsWith(prefix) && (after === undefined || byBytes(key, after) > 0))
    .sort(byBytes)
    .slice(0, limit);

const encoder = new TextEncoder();

/** The place of the first key that is not before this one, or the end. */
function placeOf(keys: readonly string[], key: string): number {
  let [low, high] = [0, keys.length];
  // Most new keys are the last ones.
  if (high === 0 || byBytes(keys[high - 1] as string, key) < 0) return high;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (byBytes(keys[middle] as string, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Stored {
  bytes: Uint8Array;
  contentType: string;
  metadata: Record<string, string>;
}

/** As S3's: the same content has the same ETag. */
const etagOf = ({ bytes }: Stored): string => `"${createHash('md5').update(bytes).digest('hex')}"`;

/** The bucket without a network: each call takes effect at once and answers in a microtask. */
export function memoryObjects() {
  const stored = new Map<string, Stored>();
  /** All keys in order, so that a list of a few of a hundred thousand does not sort them all. */
  const sorted: string[] = [];
  const store = (...[key, body, contentType, metadata = {}]: Parameters<Objects['put']>) => {
    const bytes = typeof body === 'string' ? encoder.encode(body) : body.slice();
    if (!stored.has(key)) sorted.splice(placeOf(sorted, key), 0, key);
    stored.set(key, { bytes, contentType, metadata });
  };
  /** Throws if there is none. */
  const bytes = (key: string): Uint8Array => {
    const found = stored.get(key);
    if (!found) throw new Error(`there is no object ${key}`);
    return found.bytes;
  };
  const read: Objects['read'] = async (key) => {
    const found = stored.get(key);
    return found && { bytes: found.bytes.slice(), etag: etagOf(found), metadata: found.metadata };
  };
  const port: Objects = {
    put: async (...object) => store(...object),
    create: async (key, ...object) => {
      if (stored.has(key)) return 'exists';
      store(key, ...object);
      return 'created';
    },
    replace: async (key, body, contentType, etag, metadata) => {
      const found = stored.get(key);
      if (!found || etagOf(found) !== etag) return 'changed';
      store(key, body, contentType, metadata);
      return 'replaced';
    },
    get: async (key, { mostBytes = Number.POSITIVE_INFINITY } = {}) => {
      const found = stored.get(key)?.bytes;
      if (found && found.length > mostBytes)
        throw new StoreError({ code: TOO_LARGE, message: 'the object is too large' });
      return found?.slice();
    },
    read,
    readChanged: async (key, etag) => {
      const found = await read(key);
      return found?.etag === etag ? 'unchanged' : found;
    },
    size: async (key) => stored.get(key)?.bytes.length,
    delete: async (key) => {
      if (stored.delete(key)) sorted.splice(placeOf(sorted, key), 1);
    },
    list: async (prefix, { after, limit } = {}) => {
      const from = after === undefined || byBytes(after, prefix) < 0 ? prefix : `${after}\0`;
      const first = placeOf(sorted, from);
      let end = first;
      while (sorted[end]?.startsWith(prefix) && end - first < (limit ?? Number.POSITIVE_INFINITY)) end++;
      return sorted.slice(first, end);
    },
  };
  return {
    ...port,
    keys: () => [...sorted],
    bytes,
    text: (key: string) => Buffer.from(bytes(key)).toString('utf8'),
    contentType: (key: string) => stored.get(key)?.contentType,
    metadata: (key: string) => stored.get(key)?.metadata,
  };
}
