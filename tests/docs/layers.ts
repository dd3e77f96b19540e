import { readFileSync } from 'node:fs';

/** The rows of the README's table of layers, the highest first: what each row holds. */
export function layers(): string[][] {
  const readme = readFileSync('README.md', 'utf8');
  const section = /^### Layers\n([\s\S]*?)^###? /m.exec(readme)?.[1] ?? '';
  return [...section.matchAll(/^\| \d+ \| (.+) \|$/gm)].map(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

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

/** A rule for each folder, which refuses the folders of higher rows and the others of its own row, and one for the files. */
function rules() {
  const rows = layers();
  const folders = rows.map((names) => names.filter(isFolder));
  const local = rows.findIndex((names) => names.includes('lib/local'));
  // Only lib/local serves the routes of the example.
  const above = (row: number) => [...folders.slice(0, row).flat(), ...(row > local ? ['examples'] : [])];
  const each = folders.flatMap((names, row) =>
    names
      .filter((name) => name.startsWith('lib/'))
      .map((name) => rule(`${name}/**`, [...above(row), ...names.filter((other) => other !== name)])),
  );
  return [...each, rule('lib/*.ts', above(rows.length))];
}

const rule = (includes: string, refused: string[]) => ({
  includes: [includes],
  linter: {
    rules: {
      style: {
        noRestrictedImports: {
          level: 'error',
          options: {
            patterns: [{ group: refused.map((name) => `**/${name.split('/').at(-1)}/**`), message: MESSAGE }],
          },
        },
      },
    },
  },
});
