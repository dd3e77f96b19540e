import { readFileSync } from 'node:fs';

/** The rows of the README's table of layers, the highest first: what each row holds. */
export function layers(): string[][] {
  return [...section().matchAll(/^\| \d+ \| (.+) \|$/gm)].map(([, cell = '']) => namesIn(cell));
}

/** The folders beside the rows, each with the parts of lib that it imports. */
export const beside = (): [folder: string, parts: string[]][] =>
  [...section().matchAll(/^\| `(\w+)\/` \| (.+) \|$/gm)].map(([, folder = '', cell = '']) => [folder, namesIn(cell)]);

const section = (): string => /^### Layers\n([\s\S]*?)^###? /m.exec(readFileSync('README.md', 'utf8'))?.[1] ?? '';

const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

const isFolder = (name: string): boolean => !name.endsWith('.ts');

interface Override {
  includes: string[];
  linter: { rules: { style?: { noRestrictedImports?: { options: { patterns: { message: string }[] } } } } };
}

const MESSAGE = 'A layer imports lower layers only (README, "Layers").';

/** biome.json with the rules that follow from the table. Other rules stay as they are. Biome formats it. */
export function biomeText(): string {
  const biome = JSON.parse(readFileSync('biome.json', 'utf8')) as { overrides: Override[] };
  const others = biome.overrides.filter(
    ({ linter }) => linter.rules.style?.noRestrictedImports?.options.patterns[0]?.message !== MESSAGE,
  );
  return JSON.stringify({ ...biome, overrides: [...others, ...rules()] }, null, 2);
}

/**
 * A rule for each folder, which refuses the folders of higher rows and the others of its own row, and one for the files.
 * A folder beside the rows is refused all of lib but its parts.
 */
function rules() {
  const rows = layers();
  const folders = rows.map((names) => names.filter(isFolder));
  const local = rows.findIndex((names) => names.includes('lib/local'));
  const others = beside();
  // Only lib/local serves the routes of the example.
  const above = (row: number) => [
    ...folders.slice(0, row).flat(),
    ...others.map(([folder]) => folder),
    ...(row > local ? ['examples'] : []),
  ];
  const each = folders.flatMap((names, row) =>
    names
      .filter((name) => name.startsWith('lib/'))
      .map((name) => rule(`${name}/**`, [...above(row), ...names.filter((other) => other !== name)].map(inFolder))),
  );
  const parts = others.map(([folder, names]) =>
    rule(`${folder}/**`, ['**/lib/**', ...names.flatMap((name) => [`!**/${name}`, `!**/${name}/**`])]),
  );
  return [...each, rule('lib/*.ts', above(rows.length).map(inFolder)), ...parts];
}

const inFolder = (name: string): string => `**/${name.split('/').at(-1)}/**`;

const rule = (includes: string, group: string[]) => ({
  includes: [includes],
  linter: {
    rules: {
      style: {
        noRestrictedImports: {
          level: 'error',
          options: { patterns: [{ group, message: MESSAGE }] },
        },
      },
    },
  },
});
