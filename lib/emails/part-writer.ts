import { sha256 } from '../jobs/envelope';
import type { Objects } from '../ports';

const NDJSON = 'application/x-ndjson';
const FIRST_BYTES = 64 * 1024;
/** The most bytes of UTF-8 that a unit of a string's length can take. */
const BYTES_PER_UNIT = 3;

/** Entries as NDJSON, in objects of at most so many, under keys that hold their hashes. */
export interface PartWriter {
  /** Of the objects that were written, in order. */
  hashes: string[];
  /** Entries so far. */
  count(): number;
  add(entry: object): void;
  /** Whether it must be written before more is added. */
  full(): boolean;
  /** Writes what has not been written. */
  end(): Promise<void>;
}

/**
 * Its lines wait as bytes: as strings they would outlive V8's young generation, which then grows to several times of
 * what it takes otherwise.
 */
export function partWriter({
  objects,
  size,
  key,
}: {
  objects: Pick<Objects, 'put'>;
  size: number;
  key: (number: number, sha: string) => string;
}): PartWriter {
  const hashes: string[] = [];
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let used = 0;
  let waiting = 0;
  let count = 0;

  return {
    hashes,
    count: () => count,
    full: () => waiting >= size,
    add(entry) {
      count += 1;
      waiting += 1;
      const line = `${JSON.stringify(entry)}\n`;
      const most = used + BYTES_PER_UNIT * line.length;
      if (most > bytes.length) bytes = grown(bytes, used, 2 * most);
      used += bytes.write(line, used);
    },
    async end() {
      if (waiting === 0) return;
      const body = Buffer.from(bytes.subarray(0, used));
      [used, waiting] = [0, 0];
      const sha = sha256(body);
      const number = hashes.push(sha) - 1;
      await objects.put(key(number, sha), body, NDJSON);
    },
  };
}

function grown(bytes: Buffer, used: number, length: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(length);
  bytes.copy(larger, 0, 0, used);
  return larger;
}
