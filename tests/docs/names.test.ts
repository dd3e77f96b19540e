import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commands } from '../../packages/cli/commands';
import { STEPS } from '../accept/accept';
import { SOURCE_MUTANTS } from '../simulation/mutants/source-mutants';
import { checked } from '../support/assumptions.cjs';
import { anchorsOf, pages } from './pages';

const all = pages().map((page) => [page.file, page] as const);

describe.each(all)('%s', (file, page) => {
  test('its links have targets', () => {
    const links = [...page.text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = links.filter((target) => {
      if (/^(https?:|mailto:)/.test(target)) return false;
      const [path = '', anchor] = target.split('#');
      const to = path === '' ? file : join(dirname(file), path);
      if (!existsSync(to)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(to, 'utf8')).includes(anchor);
    });

    expect(broken).toEqual([]);
  });

  test('the tests that it names exist', () => {
    expect(page.code.filter((path) => /^tests\/[\w./-]+$/.test(path) && !existsSync(path))).toEqual([]);
  });

  test('the commands and npm scripts that it names exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const lines = [...page.code, ...page.blocks.flatMap(({ text }) => text.split('\n'))];
    const wrong = lines.filter((line) => {
      const script = /^npm run (?:-s )?([\w:]+)/.exec(line)?.[1];
      if (script !== undefined) return !(script in scripts);
      const words = /^(?:(?:npx )?sls|npx ops) ([a-z][\w -]*?)(?: +(?:-|[A-Z#…<"'{]|\d|tests\/).*)?$/
        .exec(line)?.[1]
        ?.trim()
        .split(/\s+/);
      return words !== undefined && !isCommand(words);
    });

    expect(wrong).toEqual([]);
  });
});

test('the page on alternatives shows the careful loop as it is measured', () => {
  const shown = all.flatMap(([file, { blocks }]) => (file === 'docs/alternatives.md' ? blocks : []));

  expect(shown.map(({ text }) => text)).toEqual([readFileSync('tests/bench/careful-loop.ts', 'utf8')]);
});

test('each design that a run refuted has a mutant with its plan', () => {
  const [, section = ''] = readFileSync('docs/simulation.md', 'utf8').split('## Designs that a run refuted');
  const named = [...(section.split('\n## ')[0]?.matchAll(/`([^`]+)` \|$/gm) ?? [])].map(([, name = '']) => name);

  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((name) => !(name in SOURCE_MUTANTS))).toEqual([]);
});

const BUILT_IN = new Set(['deploy', 'remove', 'logs', 'info', 'invoke', 'package', 'print', 'metrics', 'rollback']);

/** Whether the words are a group of our commands, or begin with one of them or of Serverless. */
function isCommand(words: readonly string[]): boolean {
  const [first = ''] = words;
  if (BUILT_IN.has(first) || first === 'completion') return true;
  const names = Object.keys(commands);
  if (words.length === 1) return names.some((name) => name.split(' ')[0] === first);
  return words.some((_, index) => names.includes(words.slice(0, index + 1).join(' ')));
}

test('each check that the page on assumptions names exists, and each assumption has one id', () => {
  const page = readFileSync('docs/simulation.md', 'utf8');
  const ids = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, id]) => id);
  const checks = globSync('tests/integration/sqs-conformance-*.test.ts').map((file) => readFileSync(file, 'utf8'));

  expect(new Set(ids).size).toBe(ids.length);
  expect(checked('accept').filter(({ check }) => !(check in STEPS))).toEqual([]);
  expect(checked('sqs').length).toBeGreaterThan(4);
  expect(checked('sqs').filter(({ check }) => !checks.some((text) => text.includes(check)))).toEqual([]);
});

test('each message that the page on troubles explains is one that the code prints', () => {
  const files = ['lib/*.ts', 'packages/*.ts', 'resources/*.ts'];
  const grep = ['grep', '--untracked', '-h', '', '--', ...files];
  const code = execFileSync('git', grep, { encoding: 'utf8', maxBuffer: 1e8 });
  const page = readFileSync('docs/troubleshooting.md', 'utf8');
  const section = page.slice(page.indexOf('## By message'), page.indexOf('## By code'));
  const messages = [...section.matchAll(/^\| `(.+?)`/gm)].flatMap(([, message = '']) => message.split('…'));

  expect(messages.length).toBeGreaterThan(10);
  expect(messages.filter((message) => !code.includes(message.trim()))).toEqual([]);
});
