const MILLION = 1_000_000;
const PIECE_BYTES = 64 * 1024;
const LONGEST_LINE = 150;

/** A million recipients, each with its own data, generated one by one. */
export function* people() {
  for (let n = 0; n < MILLION; n++)
    yield { email: `user-${n}@example.com`, name: `User ${n}`, data: { city: `Town ${n % 100}`, code: n * 7 } };
}

/** The same recipients as a CSV file, in pieces of 64 KiB like reads from a disk. */
export const csvFile = (): Generator<Uint8Array> =>
  file(
    (n) => (n === 0 ? 'email,name,city,code\n' : ''),
    (n) => `user-${n}@example.com,User ${n},Town ${n % 100},${n * 7}\n`,
  );

/** The same recipients as NDJSON, in pieces of 64 KiB. */
export const ndjsonFile = (): Generator<Uint8Array> =>
  file(
    () => '',
    (n) => `{"email":"user-${n}@example.com","name":"User ${n}","data":{"city":"Town ${n % 100}","code":${n * 7}}}\n`,
  );

function* file(before: (n: number) => string, line: (n: number) => string): Generator<Uint8Array> {
  const piece = Buffer.alloc(PIECE_BYTES);
  let used = 0;
  for (let n = 0; n < MILLION; n++) {
    used += piece.write(before(n) + line(n), used);
    if (used < PIECE_BYTES - LONGEST_LINE) continue;
    yield Buffer.from(piece.subarray(0, used));
    used = 0;
  }
  yield piece.subarray(0, used);
}
