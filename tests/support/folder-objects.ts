import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { sha256 } from '../../lib/jobs/envelope';
import type { Objects } from '../../lib/ports';
import { listed } from './memory-objects';

export type FolderObjects = ReturnType<typeof folderObjects>;

/** A bucket that stores its objects in a folder, for database engines that read files. */
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
    list: async (prefix, options) => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile());
      return listed(
        files.map(({ parentPath, name }) => relative(folder, join(parentPath, name))),
        prefix,
        options,
      );
    },
  };
  return { ...objects, folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
