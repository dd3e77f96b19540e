const PIECE_BYTES = 64 * 1024;
const LONGEST_LINE = 150;

/** Recipients, each with its own data, generated one by one. */
export function* people(count: number) {
  for (let n = 0; n < count; n++)
    yield { email: `user-${n}@example.com`, name: `User ${n}`, data: { city: `Town ${n % 100}`, code: n * 7 } };
}

/** The same recipients as a CSV file, in pieces of 64 KiB like reads from a disk. */
export const csvFile = (count: number) =>
  file(count, (n) => `user-${n}@example.com,User ${n},Town ${n % 100},${n * 7}\n`, 'email,name,city,code\n');

/** The same recipients as NDJSON, in pieces of 64 KiB. */
export const ndjsonFile = (count: number) =>
  file(
    count,
    (n) => `{"email":"user-${n}@example.com","name":"User ${n}","data":{"city":"Town ${n % 100}","code":${n * 7}}}\n`,
  );

function* file(count: number, line: (n: number) => string, head = ''): Generator<Uint8Array> {
  const piece = Buffer.alloc(PIECE_BYTES);
  let used = piece.write(head);
  for (let n = 0; n < count; n++) {
    used += piece.write(line(n), used);
    if (used < PIECE_BYTES - LONGEST_LINE) continue;
    yield Buffer.from(piece.subarray(0, used));
    used = 0;
  }
  yield piece.subarray(0, used);
}
