import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { QUEUES, VENDORS } from '../../lib/queues/queues';
import { readDefaults } from '../../resources/instances/read';

const page = readFileSync('docs/architecture.md', 'utf8');
const namesIn = (cell = ''): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [`${folder}/${one.name}`] : []));
const hasFiles = (folder: string): boolean => readdirSync(folder).some((name) => name.endsWith('.ts'));

/** A floor's folders are its rooms, and so is the floor if it has files. A queue's folder has rooms that only it uses. */
const rooms = [
  ...foldersIn('lib').flatMap((floor) => [...(hasFiles(floor) ? [floor] : []), ...foldersIn(floor)]),
  ...['handlers', ...foldersIn('handlers'), 'resources', ...foldersIn('packages')],
];

/** The layers of the table, highest first. A queue's folder stands where the table has those of the other queues. */
const rows: string[][] = [];
for (const [, layer, cell] of page.matchAll(/^\| (\d+) \| (`.*?) \| .+ \|$/gm))
  rows[Number(layer) - 1] = [...(rows[Number(layer) - 1] ?? []), ...namesIn(cell)];
const named = rows.flat();
const ofQueues = Object.keys(readDefaults().queues ?? {}).map((queue) => `lib/queues/${queue}`);
const isNew = (name: string) => ofQueues.includes(name) && rooms.includes(name) && !named.includes(name);
rows.find((names) => names.includes('lib/queues/feedback'))?.push(...ofQueues.filter(isNew));

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

const roomOf = (path: string): string =>
  rooms.filter((room) => path.startsWith(`${room}/`)).sort((a, b) => b.length - a.length)[0] ??
  path.split('/')[0] ??
  '';
const place = (path: string): number => rows.findIndex((names) => names.includes(roomOf(path)));

test('the table holds each room once, and nothing that does not exist', () => {
  expect(rows.flat().sort()).toEqual([...rooms].sort());
});

test('a file imports from its own room and from lower rows only', () => {
  const imports = ['handlers', 'lib', 'packages', 'resources'].flatMap(importsIn);
  const wrong = imports.filter(([file, imported]) => {
    if (roomOf(file) === roomOf(imported)) return false;
    // Only packages/local serves the routes of the example.
    if (file.startsWith('packages/local/') && imported.startsWith('examples/')) return false;
    return place(imported) <= place(file);
  });

  expect(wrong).toEqual([]);
});

test('the engine names no queue, no vendor and nothing that only one queue has', () => {
  const all = [...Object.keys(QUEUES), ...VENDORS, 'campaign', 'ticket', 'tester'];
  // A queue may be called as a method is.
  const names = new RegExp(`(?<![.\\w])(${all.join('|')})`, 'i');
  const lines = readdirSync('lib/engine', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      readFileSync(join('lib/engine', file), 'utf8')
        .split('\n')
        .map((line) => `${file}: ${line}`),
    );

  expect(lines.filter((line) => names.test(line))).toEqual([]);
});

/** Connects the checker to an instance, and repairs. It is no part of the checker. */
const CONNECTS = 'instance.ts';
const verifier = readdirSync('packages/verify').filter((file) => file.endsWith('.ts') && file !== CONNECTS);

test('the verifier imports nothing from the other rooms, so that it shares no mistake with them', () => {
  const imported = verifier.flatMap((file) =>
    [...readFileSync(`packages/verify/${file}`, 'utf8').matchAll(/from '([^']+)'/g)].map(([, from = '']) => from),
  );
  expect(imported.filter((from) => !/^(\.\/\w+|@aws-sdk\/[\w-]+|node:zlib|hyparquet)$/.test(from))).toEqual([]);
});

test('the verifier stays small enough to be read in one go: 440 lines of code', () => {
  const lines = verifier.flatMap((file) => readFileSync(`packages/verify/${file}`, 'utf8').split('\n'));
  const code = lines.filter((line) => !/^\s*(\/?\*|\/\/|$)/.test(line));
  expect(code.length).toBeLessThanOrEqual(440);
});
