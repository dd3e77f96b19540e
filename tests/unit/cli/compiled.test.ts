import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PACKAGES = join(process.cwd(), 'node_modules');
let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'compiled-'));
  for (const entry of ['lib', 'packages', 'resources', 'tsconfig.json'])
    cpSync(entry, join(project, entry), { recursive: true });
  mkdirSync(join(project, 'node_modules'));
  for (const name of readdirSync(PACKAGES).filter((entry) => !entry.startsWith('.')))
    symlinkSync(join(PACKAGES, name), join(project, 'node_modules', name));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

/** What another process gets from the bundle. */
function run(code: string): string {
  const script = `const compiled = require('./packages/cli/compiled.cjs'); ${code}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: project, encoding: 'utf8' });
  return stdout + stderr;
}

const NAME = 'console.log(compiled.Ops.name)';

test('a changed source is used at once, and the earlier one again after that', () => {
  const before = run(NAME);
  const source = join(project, 'packages', 'cli', 'plugin.ts');
  appendFileSync(source, "Object.defineProperty(Ops, 'name', { value: 'Changed' });\n");
  const changed = run(NAME);
  cpSync('packages/cli/plugin.ts', source);
  const bundles = readdirSync(join(project, 'node_modules', '.cache', 'background-jobs'));

  expect(before).toBe('Ops\n');
  expect(changed).toBe('Changed\n');
  expect(run(NAME)).toBe(before);
  expect(bundles).toHaveLength(2);
});

test('a file that another command has renamed since the folder was listed stops no command', () => {
  const cache = join(project, 'node_modules', '.cache', 'background-jobs');
  mkdirSync(cache, { recursive: true });
  // It is listed, and a look at it finds nothing.
  symlinkSync('renamed', join(cache, 'one.part'));

  expect(run(NAME)).toBe('Ops\n');
});

test('an error names its line of the source', () => {
  expect(run('new compiled.Ops({ getProvider() { throw new Error("no provider"); }, classes: {} }, {})')).toMatch(
    /no provider[\s\S]*packages\/cli\/plugin\.ts:\d+/,
  );
});
