import { createHash } from 'node:crypto';
import { StoreError } from '../../lib/platform/errors';
import { type Objects, TOO_LARGE } from '../../lib/platform/ports';

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** What a list of these keys shows. */
export const listed = (keys: string[], prefix: string, { after, limit }: Parameters<Objects['list']>[1] = {}) =>
  keys
    .filter((key) => key.startsWith(prefix) && (after === undefined || byBytes(key, after) > 0))
    .sort(byBytes)
    .slice(0, limit);

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
  const store = (...[key, body, contentType, metadata = {}]: Parameters<Objects['put']>) => {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body.slice();
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
    delete: async (key) => void stored.delete(key),
    list: async (prefix, options) => listed([...stored.keys()], prefix, options),
  };
  return {
    ...port,
    keys: () => [...stored.keys()].sort(byBytes),
    bytes,
    text: (key: string) => Buffer.from(bytes(key)).toString('utf8'),
    contentType: (key: string) => stored.get(key)?.contentType,
    metadata: (key: string) => stored.get(key)?.metadata,
  };
}
