import { readFileSync } from 'node:fs';
import { type Command, count, day, end, hour, oneOf, queue, required, text } from '../../../packages/cli/command';
import { commands, GUARDED, optionsOf } from '../../../packages/cli/commands';
import { namePositionals } from '../../../packages/cli/plugin';

const NAMES = { queueNames: ['feedback', 'emails'] };

test('an end is given as a length or as a time, is a day away without either, and is never on purpose', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4);
  const lengths = ['90m', '2h', '3d'].map((length) => (end({ for: length }, now) ?? 0) - now);

  expect(lengths).toEqual([90 * 60_000, 2 * 3_600_000, 3 * 86_400_000]);
  expect([end({}, now), end({ until: '2026-01-02T03:05' }, now)]).toEqual([now + 86_400_000, now + 60_000]);
  expect(end({ until: 'never' }, now)).toBeUndefined();
  const untils = ['2026-01-02T03:04', '2026-02-30T03:04', 'noon'].map((until) => ({ until }));
  for (const wrong of [{ for: '0h' }, { for: '2' }, { for: '400d' }, ...untils])
    expect(() => end(wrong, now)).toThrow('The end must be in the future and within a year');
});

test('an option without a text is missing, an hour is read as UTC, and a number has bounds and a default', () => {
  const port = (options: object) => count({ ...options }, 'port', { otherwise: 3900, least: 0, most: 65_535 });

  const texts = [{ code: '' }, { code: true }, { code: 'x' }].map((options) => text(options, 'code'));
  expect(texts).toEqual([undefined, undefined, 'x']);
  expect(hour({ hour: '2026-01-02T03' }, 'hour')).toBe(Date.UTC(2026, 0, 2, 3));
  expect([port({ port: '0' }), port({}), port({ port: '65535' })]).toEqual([0, 3900, 65_535]);
});

test.each([
  [() => required({}, 'id'), '--id is required'],
  [() => oneOf({ as: 'gone' }, 'as', ['done', 'skipped']), '--as must be one of done, skipped, is gone'],
  [() => hour({ from: 'yesterday' }, 'from'), '--from must be an hour in UTC like 2026-01-02T03, is yesterday'],
  [() => hour({ from: '2026-02-30T03' }, 'from'), '--from must be an hour in UTC'],
  [() => day({ day: '2026-02-30' }, 'day'), '--day must be a day in UTC like 2026-01-02, is 2026-02-30'],
  [() => count({ limit: '-1' }, 'limit', { otherwise: 5 }), '--limit must be a whole number from 1 to 1000000, is -1'],
  [() => count({ at: '9' }, 'at', { otherwise: 5, most: 8 }), '--at must be a whole number from 1 to 8, is 9'],
  [() => queue({ queue: 'feedbak' }, NAMES), 'There is no queue feedbak. --queue must be one of feedback, emails'],
])('the error for an invalid option says what is expected: %#', (read, says) => {
  expect(read).toThrow(says);
});

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

/** The command of an example (the longest name that fits) and its options, of which a word may stand for one. */
function called(example: string) {
  const fitting = table.filter(([name]) => `${example} `.startsWith(`${name} `));
  const [name = '', known = {}] = fitting.toSorted(([a], [b]) => b.length - a.length)[0] ?? [];
  const argv = ['node', 'sls', ...example.split(/ +/)];
  namePositionals(argv);
  const options = argv.filter((word) => word.startsWith('--')).map((word) => word.slice(2));
  return { name, options, known: Object.entries(known) };
}

test.each(examples)('npx sls %s uses an existing command with valid options', (example) => {
  const { options, known } = called(example);
  const required = known.filter(([, { required }]) => required).map(([option]) => option);

  expect([...known.map(([option]) => option), ...COMMON]).toEqual(expect.arrayContaining(options));
  expect(options).toEqual(expect.arrayContaining(required));
});

test('the page has an example of every command and of every option', () => {
  const uses = examples.map(called);
  const shown = new Set(uses.map(({ name }) => name));
  const withoutExample = table.filter(([name]) => !shown.has(name));
  const options = new Set(uses.flatMap((use) => use.options));
  const unseen = table.flatMap(([, known]) => Object.keys(known).filter((name) => !options.has(name)));

  expect(withoutExample.map(([name]) => name)).toEqual([]);
  expect([...new Set(unseen)]).toEqual([]);
});
