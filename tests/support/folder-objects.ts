import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { sha256 } from '../../lib/engine/jobs/envelope';
import type { Objects } from '../../lib/platform/ports';
import { listed } from './memory-objects';

export type FolderObjects = ReturnType<typeof folderObjects>;

/** A bucket that stores its objects in a folder, for database engines that read files. Each key ends in a suffix. */
export function folderObjects(folder = mkdtempSync(join(tmpdir(), 'bucket-'))) {
  const path = (key: string) => join(folder, key);
  const write = async (key: string, body: string | Uint8Array, flag: 'w' | 'wx') => {
    await mkdir(dirname(path(key)), { recursive: true });
    await writeFile(path(key), body, { flag });
  };
  const read: Objects['read'] = async (key) => {
    const bytes = await readFile(path(key)).catch(() => undefined);
    return bytes && { bytes, etag: sha256(bytes), metadata: {} };
  };
  const objects: Objects = {
    put: (key, body) => write(key, body, 'w'),
    create: (key, body) =>
      write(key, body, 'wx').then(
        () => 'created',
        () => 'exists',
      ),
    replace: async (key, body, _contentType, etag) => {
      if ((await read(key))?.etag !== etag) return 'changed';
      await write(key, body, 'w');
      return 'replaced';
    },
    get: async (key) => (await read(key))?.bytes,
    read,
    readChanged: read,
    size: async (key) => (await read(key))?.bytes.length,
    delete: (key) => rm(path(key), { force: true }),
    list: async (prefix, options) => listed(globSync('**/*.*', { cwd: folder }), prefix, options),
  };
  return { ...objects, folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
