import { readdirSync, readFileSync } from 'node:fs';
import { beside, biomeText, layers } from './layers';

const rows = layers();
const inLib = readdirSync('lib', { withFileTypes: true });
const folders = inLib.filter((entry) => entry.isDirectory()).map(({ name }) => `lib/${name}`);
const files = inLib.filter((entry) => entry.isFile()).map(({ name }) => `lib/${name}`);

test('the table holds each folder and each file of lib once, and nothing that does not exist', () => {
  expect(rows.flat().sort()).toEqual(['handlers', ...folders, ...files].sort());
});

test('packages and resources import named parts of lib only', () => {
  expect(beside().map(([folder, parts]) => [folder, parts.length > 0])).toEqual([
    ['packages', true],
    ['resources', true],
  ]);
});

test('biome.json has the rules that follow from the table (npm run layers)', () => {
  expect(JSON.parse(readFileSync('biome.json', 'utf8'))).toEqual(JSON.parse(biomeText()));
});

test('a file of lib imports no file of its own row or of a higher one', () => {
  const place = (file: string): number => rows.findIndex((names) => names.includes(file));
  const wrong = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/from '\.\/([\w-]+)'/g)]
      .map(([, name]) => `lib/${name}.ts`)
      .filter((imported) => place(imported) <= place(file))
      .map((imported) => `${file} imports ${imported}`),
  );

  expect(wrong).toEqual([]);
});

test('the verifier imports nothing from the other rooms, so that it shares no mistake with them', () => {
  const imported = readdirSync('lib/verify').flatMap((file) =>
    [...readFileSync(`lib/verify/${file}`, 'utf8').matchAll(/from '([^']+)'/g)].map(([, from = '']) => from),
  );
  expect(imported.filter((from) => !/^(\.\/\w+|@aws-sdk\/[\w-]+|node:zlib|hyparquet)$/.test(from))).toEqual([]);
});

test('the verifier stays small enough to be read in one go: 400 lines of code', () => {
  const lines = readdirSync('lib/verify').flatMap((file) => readFileSync(`lib/verify/${file}`, 'utf8').split('\n'));
  const code = lines.filter((line) => !/^\s*(\/?\*|\/\/|$)/.test(line));
  expect(code.length).toBeLessThanOrEqual(400);
});
