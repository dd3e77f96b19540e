import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { unzip } from '../../../../lib/local/template/zip';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zip-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A zip as APPNOTE describes it, without the fields that no reader of ours looks at (times, checksums). */
function zip(files: { name: string; text: string; deflated: boolean }[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, text, deflated } of files) {
    const bytes = deflated ? deflateRawSync(text) : Buffer.from(text);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(deflated ? 8 : 0, 10);
    entry.writeUInt32LE(bytes.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    local.push(header, Buffer.from(name), bytes);
    central.push(entry, Buffer.from(name));
    offset += 30 + name.length + bytes.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, ...central, end]);
}

test('stored and deflated files come out with their folders', () => {
  const file = join(directory, 'a.zip');
  writeFileSync(
    file,
    zip([
      { name: 'index.js', text: 'exports.a = 1', deflated: false },
      { name: 'handlers/worker.js', text: 'exports.b = 2'.repeat(100), deflated: true },
    ]),
  );

  unzip(file, join(directory, 'code'));

  expect(readFileSync(join(directory, 'code/index.js'), 'utf8')).toBe('exports.a = 1');
  expect(readFileSync(join(directory, 'code/handlers/worker.js'), 'utf8')).toBe('exports.b = 2'.repeat(100));
});

test('a path that leaves the directory is refused', () => {
  const file = join(directory, 'a.zip');
  writeFileSync(file, zip([{ name: '../outside.js', text: 'x', deflated: false }]));

  expect(() => unzip(file, join(directory, 'code'))).toThrow('holds a path that leaves it');
  expect(existsSync(join(directory, 'outside.js'))).toBe(false);
});

test('what is no zip is named', () => {
  const file = join(directory, 'a.zip');
  writeFileSync(file, 'not a zip, but longer than the twenty-two bytes of an end');

  expect(() => unzip(file, join(directory, 'code'))).toThrow(`${file} is not a zip`);
});
