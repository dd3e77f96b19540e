import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzip } from '../../../../lib/local/template/zip';
import { zip } from '../../../support/zip';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zip-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('stored and deflated files are unpacked with their folders', () => {
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

test('a path outside the directory is refused', () => {
  const file = join(directory, 'a.zip');
  writeFileSync(file, zip([{ name: '../outside.js', text: 'x', deflated: false }]));

  expect(() => unzip(file, join(directory, 'code'))).toThrow('contains a path outside its folder');
  expect(existsSync(join(directory, 'outside.js'))).toBe(false);
});

test('the error names a file that is not a zip', () => {
  const file = join(directory, 'a.zip');
  writeFileSync(file, 'not a zip, but longer than the twenty-two bytes of an end');

  expect(() => unzip(file, join(directory, 'code'))).toThrow(`${file} is not a zip file`);
});
