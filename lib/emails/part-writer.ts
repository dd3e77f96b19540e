import { sha256 } from '../jobs/envelope';
import type { Objects } from '../ports';

const NDJSON = 'application/x-ndjson';
const FIRST_BYTES = 64 * 1024;
/** Parts that are written at the same time hold at most this many entries together, to limit memory. */
const ENTRIES_AT_ONCE = 1_000;
const MOST_AT_ONCE = 16;
/** The most UTF-8 bytes for one unit of a string's length. */
const BYTES_PER_UNIT = 3;

/** Writes entries as NDJSON, in objects of limited size whose keys contain their hashes. */
export interface PartWriter {
  hashes: string[];
  count(): number;
  add(entry: object): void;
  /** Whether the caller must write a part before it adds more. */
  full(): boolean;
  /** Starts to write a part, and waits while too many writes are running. */
  write(): Promise<void>;
  end(): Promise<void>;
}

/**
 * Creates a part writer. It keeps lines as bytes, because strings would outlive V8's young generation. V8 would then
 * grow that generation to several times its normal size.
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
  const atOnce = Math.min(MOST_AT_ONCE, Math.max(1, Math.floor(ENTRIES_AT_ONCE / size)));
  const writing = new Set<Promise<void>>();
  let failure: { reason: unknown } | undefined;

  function begin(): void {
    if (waiting === 0) return;
    const body = Buffer.from(bytes.subarray(0, used));
    [used, waiting] = [0, 0];
    const sha = sha256(body);
    const number = hashes.push(sha) - 1;
    const put: Promise<void> = objects
      .put(key(number, sha), body, NDJSON)
      .catch((reason: unknown) => {
        failure ??= { reason };
      })
      .finally(() => writing.delete(put));
    writing.add(put);
  }

  async function fewerThan(most: number): Promise<void> {
    while (writing.size >= most) await Promise.race(writing);
    if (failure) throw failure.reason;
  }

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
    async write() {
      begin();
      await fewerThan(atOnce);
    },
    async end() {
      begin();
      await fewerThan(1);
    },
  };
}

function grown(bytes: Buffer, used: number, length: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(length);
  bytes.copy(larger, 0, 0, used);
  return larger;
}
