import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { commands } from '../../lib/cli/commands';
import { anchorsOf, pages } from './pages';

const all = pages().map((page) => [page.file, page] as const);
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
const files = tracked.split('\n').filter(Boolean);
const source = files
  .filter((file) =>
    /^(handlers|lib|packages|resources|tests)\/.*\.(ts|cjs)$|^(serverless\.yml|\.env\.example|package\.json)$/.test(
      file,
    ),
  )
  .filter((file) => existsSync(file))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

/** Words in backticks that look like our names but belong to a vendor or a language. */
const THEIRS = new Set(
  ['SendMessage', 'PutItem', 'GetItem', 'IdempotentRequestError', 'ApproximateReceiveCount', 'GetObject'].concat([
    'ListBucket',
    'PutObject',
    'MessageGroupId',
    'StartMessageMoveTask',
    'ChangeMessageVisibility',
    'NOT_INVITED',
    'AWS_PROD_PROFILE',
  ]),
);

describe.each(all)('%s', (file, page) => {
  test('its links have targets', () => {
    const links = [...page.text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = links.filter((target) => {
      if (/^(https?:|mailto:)/.test(target)) return false;
      const [path = '', anchor] = target.split('#');
      const to = path === '' ? file : join(dirname(file), path);
      if (!existsSync(to)) return true;
      return anchor !== undefined && !anchorsOf({ text: readFileSync(to, 'utf8') }).has(anchor);
    });

    expect(broken).toEqual([]);
  });

  test('the paths that it names exist', () => {
    const paths = page.code.filter((code) =>
      /^\.?(handlers|lib|resources|tests|docs|examples|instances)\/[\w./*-]+$/.test(code),
    );
    const missing = paths.filter((path) => {
      const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}(/|$|\\.ts$)`);
      return !files.some((known) => pattern.test(known));
    });

    expect(missing).toEqual([]);
  });

  test('the settings, codes, metrics and alarms that it names exist in the code', () => {
    const names = page.code.filter((code) => /^([A-Z][A-Z0-9]*(_[A-Z0-9]+)+|([A-Z][a-z0-9]+){2,})$/.test(code));
    const unknown = names.filter((name) => !THEIRS.has(name) && !stands(name));

    expect(unknown).toEqual([]);
  });

  test('its commands for a stage name the instance and the region too', () => {
    const lines = [...page.code, ...page.blocks.flatMap(({ text }) => text.split('\n'))];
    const staged = lines.filter((line) => /^(?:npx )?sls .*--stage (?!local\b)/.test(line));

    expect(staged.filter((line) => !/ --param instance=\S/.test(line) || !/ --region \S/.test(line))).toEqual([]);
  });

  test('the commands and npm scripts that it names exist', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const lines = [...page.code, ...page.blocks.flatMap(({ text }) => text.split('\n'))];
    const wrong = lines.filter((line) => {
      const script = /^npm run (?:-s )?([\w:]+)/.exec(line)?.[1];
      if (script !== undefined) return !(script in scripts);
      const words = /^(?:npx )?sls ([a-z][\w -]*?)(?: +(?:-|[A-Z#…<"'{]|\d|tests\/).*)?$/
        .exec(line)?.[1]
        ?.trim()
        .split(/\s+/);
      return words !== undefined && !isCommand(words);
    });

    expect(wrong).toEqual([]);
  });
});

/** Whether the code has the name, or the end of an error code that begins with a vendor's prefix. */
function stands(name: string): boolean {
  const suffix = /^(?:Zendesk|Sendgrid|AppStoreConnect)([A-Z]\w+)$/.exec(name)?.[1];
  return new RegExp(`\\b${name}\\b`).test(source) || (suffix !== undefined && source.includes(`prefix}${suffix}`));
}

const BUILT_IN = new Set(['deploy', 'remove', 'logs', 'info', 'invoke', 'package', 'print', 'metrics', 'rollback']);

/** Whether the words begin with a command of ours, or with one of Serverless; `a|b` stands for both. */
function isCommand(words: readonly string[]): boolean {
  const [first = ''] = words;
  if (BUILT_IN.has(first)) return true;
  const names = Object.keys(commands);
  return words.some((_, index) => names.includes(words.slice(0, index + 1).join(' ')));
}
