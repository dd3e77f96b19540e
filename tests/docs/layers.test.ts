import { readdirSync, readFileSync } from 'node:fs';

interface Biome {
  overrides: { includes: string[]; linter: { rules: { style?: { noRestrictedImports?: Rule } } } }[];
}
type Rule = { options: { patterns: { group: string[] }[] } };

const readme = readFileSync('README.md', 'utf8');
const section = /^### Layers\n([\s\S]*?)^###? /m.exec(readme)?.[1] ?? '';
/** What each row of the README's table holds, the highest row first. */
const rows = [...section.matchAll(/^\| \d+ \| (.+) \|$/gm)].map(([, cell = '']) =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
);
const inLib = readdirSync('lib', { withFileTypes: true });
const folders = inLib.filter((entry) => entry.isDirectory()).map(({ name }) => `lib/${name}`);
const files = inLib.filter((entry) => entry.isFile()).map(({ name }) => `lib/${name}`);
const existing = new Set(['handlers', ...folders]);

const { overrides } = JSON.parse(readFileSync('biome.json', 'utf8')) as Biome;
const folderOf = (pattern: string): string => pattern.replaceAll('**', '').replaceAll('/', '');

/** The existing folders whose import biome.json refuses to files under `includes`. Rules may name planned folders too. */
function refused(includes: string): string[] {
  const groups = overrides
    .filter((override) => override.includes.includes(includes))
    .flatMap(({ linter }) => linter.rules.style?.noRestrictedImports?.options.patterns ?? [])
    .flatMap(({ group }) => group.map(folderOf));
  return groups
    .map((name) => (name === 'handlers' ? name : `lib/${name}`))
    .filter((name) => existing.has(name))
    .sort();
}

const isFolder = (name: string): boolean => !name.endsWith('.ts');
/** The folders of all rows above, and the others of the name's own row. */
const expected = (name: string): string[] => {
  const row = rows.findIndex((names) => names.includes(name));
  return rows
    .slice(0, row + 1)
    .flat()
    .filter((other) => isFolder(other) && other !== name)
    .sort();
};

test('the table holds each folder and each file of lib once, and nothing that does not exist', () => {
  expect(rows.flat().sort()).toEqual(['handlers', ...folders, ...files].sort());
});

test.each(folders)('%s may import lower rows only', (folder) => {
  expect(refused(`${folder}/**`)).toEqual(expected(folder));
});

test.each(files)('%s may import no folder', (file) => {
  expect(refused('lib/*.ts')).toEqual(expected(file));
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
