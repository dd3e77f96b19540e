import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import {
  type Bytes,
  fromCsv,
  fromNdjson,
  InvalidRecipientsError,
  type Read,
} from '../../../../lib/queues/emails/recipients';

async function all(reads: AsyncIterable<Read>): Promise<Read[]> {
  const found: Read[] = [];
  for await (const read of reads) found.push(read);
  return found;
}

/** The text in pieces that end anywhere, even inside a character. */
function* inPieces(text: string, size: number): Generator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test('recipients from CSV have the columns email and name, and all other columns are data', async () => {
  const file = '\ufeffemail,name,city\na@example.com,"Übel, A",Köln\r\nb@example.com,,\n';
  const expected = [
    { line: 2, value: { email: 'a@example.com', name: 'Übel, A', data: { city: 'Köln' } } },
    { line: 3, value: { email: 'b@example.com', data: { city: '' } } },
  ];

  const pieces = [1, 2, 3, 7, 1000].map((size) => inPieces(file, size));
  for (const given of [...pieces, file, Buffer.from(file)]) expect(await all(fromCsv(given))).toEqual(expected);
});

test('recipients from CSV skip a broken row: it is reported with its line, and the next row is read', async () => {
  const quoted = ['b@example.com,"B', 'c@example.com,"C" c', 'd@example.com,D "d'];
  const long = `e@example.com,${'x'.repeat(65 * 1024)}`;
  const rows = ['email,name', 'a@example.com', ...quoted, long, 'f@example.com,F'];

  const reads = await all(fromCsv([rows.join('\n')]));

  expect(reads).toEqual([
    { line: 2, broken: 'the row must have 2 values like the header, has 1' },
    ...[3, 4, 5].map((line) => ({ line, broken: 'a quote of the row is in a wrong place or missing' })),
    { line: 6, broken: 'the row is too long' },
    { line: 7, value: { email: 'f@example.com', name: 'F' } },
  ]);
});

const ONE = [{ email: 'a@example.com', name: 'Übel; A', data: { City: 'Köln' } }];
test.each([
  ['semicolons', 'Email;Name;City\na@example.com;"Übel; A";Köln\n'],
  ['tabs, and an empty cell at the end', 'E-Mail Address\tNAME\tCity\t\r\na@example.com\t"Übel; A"\tKöln\t\r\n'],
  ['a BOM and sep=', '\ufeffsep=;\r\n Email ; name ; City \r\na@example.com ; "Übel; A" ; Köln\r\n'],
  ['empty cells after the last column', 'EMAIL,name,City\na@example.com,Übel; A,Köln,,\n'],
])('recipients from CSV are read with %s', async (_, file) => {
  for (const given of [file, Buffer.from(file)])
    expect((await all(fromCsv(given))).map((read) => 'value' in read && read.value)).toEqual(ONE);
});

test.each([
  ['Windows-1252', Buffer.from('email,name\na@example.com,\xdcbel\n', 'latin1')],
  ['Windows-1252 that ends in a letter', Buffer.from('email,name\na@example.com,Ren\xe9', 'latin1')],
  ['UTF-16', Buffer.from('\ufeffemail,name\na@example.com,A\n', 'utf16le')],
  ['UTF-16 without a BOM', Buffer.from('email,name\na@example.com,A\n', 'utf16le')],
])('recipients in %s are refused with the way to export them', async (_, file) => {
  for (const read of [fromCsv, fromNdjson])
    await expect(all(read([file]))).rejects.toThrow(/UTF-8\. In Excel choose "Save as"/);
});

test.each([
  ['email,__proto__\na@example.com,b', 'the CSV header must not have a column __proto__'],
  ['name\nA', 'the CSV header must have a column email'],
  ['email,city,city\na@example.com,b,c', 'the CSV header must not repeat a column'],
])('recipients from CSV cannot be taken under the header of %j', async (file, message) => {
  await expect(all(fromCsv([file]))).rejects.toThrow(new InvalidRecipientsError(message));
});

test.each([
  ['plain', 'aä€😀; \t\f'],
  ['other white space', 'a \v\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000\ufeff'],
])('a row without quotes has the same values as from the parser of quoted rows: %s', async (_, characters) => {
  const value = fc.string({ unit: fc.constantFrom(...characters), maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 4 }), async (pairs) => {
      const rows = pairs.map(([a, b]) => `x@example.com,${a}, ${b}`);

      const reads = await all(fromCsv([`email,a,b\n${rows.join('\n')}\n`]));

      const values = reads.map((read) => {
        const { email, data = {} } = (read as { value: { email: string; data?: Record<string, string> } }).value;
        return [email, data.a ?? '', data.b ?? ''];
      });
      expect(values).toEqual(parse(rows.join('\n'), { trim: true }));
    }),
    { numRuns: 200 },
  );
});

test('recipients from NDJSON are one JSON object a line; a broken line is reported and the next one is read', async () => {
  const file = '{"email":"a@example.com"}\n{"email":\n\n{"email":"ö@example.com"}';

  const reads = await all(fromNdjson(inPieces(file, 3)));

  expect(reads).toEqual([
    { line: 1, value: { email: 'a@example.com' } },
    { line: 2, broken: 'the line is not JSON' },
    { line: 4, value: { email: 'ö@example.com' } },
  ]);
});

test('recipients from NDJSON are not kept in memory, however long a line is', async () => {
  const endless = async function* (): Bytes & AsyncGenerator<string> {
    for (let n = 0; n < 100; n++) yield 'x'.repeat(64 * 1024);
    yield '\n{"email":"a@example.com"}';
  };

  const reads = await all(fromNdjson(endless()));

  expect(reads).toEqual([
    { line: 1, broken: 'the line is too long' },
    { line: 2, value: { email: 'a@example.com' } },
  ]);
});
