import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readDefaults } from '../../lib/instances/read';

const page = readFileSync('docs/architecture.md', 'utf8');
const namesIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

const inLib = readdirSync('lib', { withFileTypes: true }).map((entry) => ({ name: `lib/${entry.name}`, entry }));
const folders = inLib.filter(({ entry }) => entry.isDirectory()).map(({ name }) => name);

/** The layers of the table, highest first. A queue's folder stands where the table has those of the other queues. */
const rows: string[][] = [];
for (const [, layer, cell] of page.matchAll(/^\| (\d+) \| (`(?:handlers|lib)\b.*?) \| .+ \|$/gm))
  rows[Number(layer) - 1] = [...(rows[Number(layer) - 1] ?? []), ...namesIn(cell)];
const ofQueues = Object.keys(readDefaults().queues ?? {}).map((queue) => `lib/${queue}`);
const named = rows.flat();
const isNew = (name: string) => ofQueues.includes(name) && folders.includes(name) && !named.includes(name);
rows.find((names) => names.includes('lib/feedback'))?.push(...ofQueues.filter(isNew));

/** The folders beside the rows, and the parts of lib that each may import. */
const beside = [...page.matchAll(/^\| `(packages|resources)` \| .+ \| (.+) \|$/gm)].map(
  ([, folder = '', cell]) => [folder, namesIn(cell)] as const,
);

/** Each import of another file of the project: the file, and what it imports. */
const importsIn = (folder: string): [file: string, imported: string][] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(folder, file))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\b[ (]*'(\.[^']+)'/g)].map(
        ([, path = '']): [string, string] => [file, join(dirname(file), path)],
      ),
    );

const partOf = (path: string): string => path.split('/').slice(0, 2).join('/');
const place = (path: string): number =>
  rows.findIndex((names) => names.some((name) => [name, name.replace(/\.ts$/, '')].includes(partOf(path))));

test('the table holds each folder and each file of lib once, and nothing that does not exist', () => {
  expect(rows.flat().sort()).toEqual(['handlers', ...inLib.map(({ name }) => name)].sort());
});

test('a file of lib imports from its own folder and from lower rows only', () => {
  const wrong = importsIn('lib').filter(([file, imported]) => {
    if (folders.includes(partOf(file)) && partOf(file) === partOf(imported)) return false;
    // Only lib/local serves the routes of the example.
    if (file.startsWith('lib/local/') && imported.startsWith('examples/')) return false;
    return place(imported) <= place(file);
  });

  expect(wrong).toEqual([]);
});

test('packages and resources import named parts of lib only', () => {
  expect(beside.map(([folder]) => folder)).toEqual(['packages', 'resources']);
  for (const [folder, parts] of beside) {
    const ofLib = importsIn(folder).filter(([, imported]) => imported.startsWith('lib/'));
    const isNamed = (path: string) => parts.some((part) => `${path}/`.startsWith(`${part}/`));

    expect(ofLib.length).toBeGreaterThan(5);
    expect(ofLib.filter(([, imported]) => !isNamed(imported))).toEqual([]);
  }
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
