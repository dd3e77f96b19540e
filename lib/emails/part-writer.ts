import { sha256 } from '../jobs/envelope';
import type { Objects } from '../ports';

const FIRST_BYTES = 64 * 1024;
/** Parts that are written at the same time hold at most this many entries together, to limit memory. */
const ENTRIES_AT_ONCE = 1_000;
const MOST_AT_ONCE = 16;
/** The most UTF-8 bytes for one unit of a string's length. */
const BYTES_PER_UNIT = 3;

/**
 * Writes entries as NDJSON, in objects of `size` entries whose keys contain their hashes. It keeps lines as bytes,
 * because strings would outlive V8's young generation. V8 would then grow that generation to several times its normal
 * size.
 */
export function partWriter(
  objects: Pick<Objects, 'put'>,
  { size, key }: { size: number; key: (number: number, sha: string) => string },
) {
  const hashes: string[] = [];
  let bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  let used = 0;
  let waiting = 0;
  let count = 0;
  const atOnce = Math.min(MOST_AT_ONCE, Math.max(1, Math.floor(ENTRIES_AT_ONCE / size)));
  const writing = new Set<Promise<void>>();
  let failure: { reason: unknown } | undefined;

  async function write(most: number): Promise<void> {
    if (waiting > 0) {
      const body = Buffer.from(bytes.subarray(0, used));
      [used, waiting] = [0, 0];
      const sha = sha256(body);
      const number = hashes.push(sha) - 1;
      const put: Promise<void> = objects
        .put(key(number, sha), body, 'application/x-ndjson')
        .catch((reason: unknown) => {
          failure ??= { reason };
        })
        .finally(() => writing.delete(put));
      writing.add(put);
    }
    while (writing.size >= most) await Promise.race(writing);
    if (failure) throw failure.reason;
  }

  return {
    hashes,
    count: () => count,
    add(entry: object): void {
      count += 1;
      waiting += 1;
      const line = `${JSON.stringify(entry)}\n`;
      const most = used + BYTES_PER_UNIT * line.length;
      if (most > bytes.length) bytes = Buffer.concat([bytes.subarray(0, used)], 2 * most);
      used += bytes.write(line, used);
    },
    /** Whether the caller must write a part before it adds more. */
    full: () => waiting >= size,
    /** Starts to write a part, and waits while too many writes are running. */
    write: () => write(atOnce),
    end: () => write(1),
  };
}
