// Serverless reads .cjs, and our commands and generators are TypeScript. This file bundles them and exports the bundle.
// Serverless's own loader would transform some 300 files at each start. A bundle is kept in node_modules/.cache, under a
// name made from all of its sources, so changed code gets a new one.
const { createHash, randomUUID } = require('node:crypto');
const { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const { dirname, join, relative } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'background-jobs');
const KEPT_MS = 86_400_000;

const FOLDERS = ['lib', 'resources'];
const ENTRY = `
export { Ops } from './lib/cli/plugin';
export { commands } from './lib/cli/commands';
export { environmentSchemas } from './lib/config/functions';
export { stage, instance, queues, environment } from './resources/index';
export const stack = () => require('./resources/stack');
`;

function load() {
  const file = join(CACHE, `${hashOfSources()}.cjs`);
  const made = new Module(file, module);
  made.paths = Module._nodeModulePaths(dirname(file));
  process.setSourceMapsEnabled(true);
  made._compile(kept(file) ?? keep(file, bundle(file)), file);
  return made.exports;
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

function bundle(outfile) {
  // Loaded on first use, because most commands find a bundle.
  const { outputFiles, metafile } = require('esbuild').buildSync({
    stdin: { contents: ENTRY, resolveDir: ROOT },
    absWorkingDir: ROOT,
    outfile,
    write: false,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    keepNames: true,
    sourcemap: 'inline',
    sourcesContent: false,
    metafile: true,
    logLevel: 'error',
  });
  const outside = Object.keys(metafile.inputs).filter((file) => !['<stdin>', ...FOLDERS].includes(file.split('/')[0]));
  if (outside.length > 0) throw new Error(`lib/cli/compiled.cjs: FOLDERS does not cover ${outside.join(', ')}`);
  return outputFiles[0].text;
}

function kept(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Where node_modules cannot be written, the next command bundles again. */
function keep(file, text) {
  try {
    mkdirSync(CACHE, { recursive: true });
    for (const old of readdirSync(CACHE).map((name) => join(CACHE, name)))
      if (Date.now() - statSync(old).mtimeMs > KEPT_MS) rmSync(old, { force: true });
    // Another command may read the file at the same time, so it gets its name when it is whole.
    const part = join(CACHE, `${randomUUID()}.part`);
    writeFileSync(part, text);
    renameSync(part, file);
  } catch {}
  return text;
}

module.exports = load();
