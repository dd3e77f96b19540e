import { readFileSync } from 'node:fs';
import type { Command } from '../../../packages/cli/command';
import { commands, GUARDED, optionsOf } from '../../../packages/cli/commands';

const page = readFileSync('docs/commands.md', 'utf8');
/** Our commands, and those of Serverless that have options of ours. */
const table: [string, Command['options']][] = [
  ...Object.entries(commands).map(([name, command]): [string, Command['options']] => [name, optionsOf(command)]),
  ...['deploy', 'remove'].map((name): [string, Command['options']] => [name, GUARDED[name] ?? {}]),
];
/** Options that all commands of Serverless have. */
const COMMON = ['stage', 'param', 'region', 'help'];

/** The examples without `npx sls` and without comments. */
const examples = [...page.matchAll(/^npx sls (.*?)(?: +#.*)?$/gm)].map(([, line = '']) => line.trim());

/** The command of an example (the longest name that fits) and its options. */
function called(example: string) {
  const fitting = table.filter(([name]) => `${example} `.startsWith(`${name} `));
  const [name = '', known = {}] = fitting.toSorted(([a], [b]) => b.length - a.length)[0] ?? [];
  const words = example.slice(name.length).trim().split(/ +/);
  const options = words.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
  const hasId = words[0] !== '' && !words[0]?.startsWith('--') && 'id' in known;
  return { name, options, given: hasId ? ['id', ...options] : options, known: Object.entries(known) };
}

test.each(examples)('npx sls %s uses an existing command with valid options', (example) => {
  const { options, given, known } = called(example);
  const required = known.filter(([, { required }]) => required).map(([option]) => option);

  expect([...known.map(([option]) => option), ...COMMON]).toEqual(expect.arrayContaining(options));
  expect(given).toEqual(expect.arrayContaining(required));
});

test('the page has an example of every command and of every option', () => {
  const uses = examples.map(called);
  const shown = new Set(uses.map(({ name }) => name));
  const withoutExample = table.filter(([name]) => !shown.has(name));
  const options = new Set(uses.flatMap(({ given }) => given));
  const unseen = table.flatMap(([, known]) => Object.keys(known).filter((name) => !options.has(name)));

  expect(withoutExample.map(([name]) => name)).toEqual([]);
  expect([...new Set(unseen)]).toEqual([]);
});
