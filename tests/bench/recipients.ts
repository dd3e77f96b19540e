const PIECE_BYTES = 64 * 1024;
const LONGEST_LINE = 150;

/** Recipients, each with its own data, generated one by one. */
export function* people(count: number) {
  for (let n = 0; n < count; n++)
    yield { email: `user-${n}@example.com`, name: `User ${n}`, data: { city: `Town ${n % 100}`, code: n * 7 } };
}

/** The same recipients as a CSV file, in pieces of 64 KiB like reads from a disk. */
export const csvFile = (count: number): Generator<Uint8Array> =>
  file(
    count,
    (n) => (n === 0 ? 'email,name,city,code\n' : ''),
    (n) => `user-${n}@example.com,User ${n},Town ${n % 100},${n * 7}\n`,
  );

/** The same recipients as NDJSON, in pieces of 64 KiB. */
export const ndjsonFile = (count: number): Generator<Uint8Array> =>
  file(
    count,
    () => '',
    (n) => `{"email":"user-${n}@example.com","name":"User ${n}","data":{"city":"Town ${n % 100}","code":${n * 7}}}\n`,
  );

function* file(count: number, before: (n: number) => string, line: (n: number) => string): Generator<Uint8Array> {
  const piece = Buffer.alloc(PIECE_BYTES);
  let used = 0;
  for (let n = 0; n < count; n++) {
    used += piece.write(before(n) + line(n), used);
    if (used < PIECE_BYTES - LONGEST_LINE) continue;
    yield Buffer.from(piece.subarray(0, used));
    used = 0;
  }
  yield piece.subarray(0, used);
}
