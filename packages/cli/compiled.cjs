// Serverless reads .cjs, and our commands and generators are TypeScript. This file bundles them and exports the bundle.
// Serverless's own loader would transform some 300 files at each start. A bundle is kept in node_modules/.cache, under
// a name made from all of its sources, so changed code gets a new one.
const { createHash, randomUUID } = require('node:crypto');
const { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } = require('node:fs');
const { join, relative } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'background-jobs');
const KEPT_MS = 86_400_000;

const FOLDERS = ['lib', 'packages', 'resources'];
const ENTRY = `
export { Ops } from './packages/cli/plugin';
export { stage, instance, queues, generated } from './resources/instance';
`;

function load() {
  const file = join(CACHE, `${hashOfSources()}.cjs`);
  if (!existsSync(file)) bundle(file);
  process.setSourceMapsEnabled(true);
  return require(file);
}

function hashOfSources() {
  const hash = createHash('sha256');
  for (const file of [join(ROOT, 'tsconfig.json'), ...FOLDERS.flatMap(filesIn).sort()])
    hash.update(`${relative(ROOT, file)}\0`).update(readFileSync(file));
  return hash.digest('hex');
}

const filesIn = (folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

function bundle(file) {
  mkdirSync(CACHE, { recursive: true });
  // Another command may give its `.part` file a name in between. Such a file has no age here.
  for (const old of readdirSync(CACHE).map((name) => join(CACHE, name)))
    if (Date.now() - statSync(old, { throwIfNoEntry: false })?.mtimeMs > KEPT_MS) rmSync(old, { force: true });
  // Another command may read the file at the same time, so it gets its name when it is whole.
  const part = join(CACHE, `${randomUUID()}.part`);
  // Loaded on first use, because most commands find a bundle.
  require('esbuild').buildSync({
    stdin: { contents: ENTRY, resolveDir: ROOT },
    absWorkingDir: ROOT,
    outfile: part,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    keepNames: true,
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'error',
  });
  renameSync(part, file);
}

module.exports = load();
