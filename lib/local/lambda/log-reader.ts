import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Reads a growing file. Each call of `next` returns the lines since the last one. */
export function logReader(file: string): { next(): string[] } {
  let position = 0;
  return {
    next() {
      const descriptor = openSync(file, 'r');
      try {
        const bytes = Buffer.alloc(fstatSync(descriptor).size - position);
        position += readSync(descriptor, bytes, { position });
        return bytes
          .toString('utf8')
          .split('\n')
          .filter((line) => line !== '');
      } finally {
        closeSync(descriptor);
      }
    },
  };
}
