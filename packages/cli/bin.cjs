#!/usr/bin/env node
// `npx ops`: our commands of `sls` without Serverless, which takes two seconds of CPU to start. They are bundled at the
// first call and after each change, because their files take most of another second to load.
const { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

const PROJECT = resolve(__dirname, '../..');
const FOLDER = join(PROJECT, '.local');
const [BUNDLE, STAMP] = [join(FOLDER, 'ops.cjs'), join(FOLDER, 'ops.json')];

/** Of a file, a text that changes with it. */
const stampOf = (file) => {
  const { mtimeMs, size } = statSync(join(PROJECT, file));
  return `${mtimeMs} ${size}`;
};

function isFresh() {
  try {
    const stamps = Object.entries(JSON.parse(readFileSync(STAMP, 'utf8')));
    return statSync(BUNDLE).isFile() && stamps.every(([file, stamp]) => stampOf(file) === stamp);
  } catch {
    return false;
  }
}

function bundle() {
  const { metafile, outputFiles } = require('esbuild').buildSync({
    entryPoints: [join(__dirname, 'program.ts')],
    absWorkingDir: PROJECT,
    bundle: true,
    minifySyntax: true,
    minifyWhitespace: true,
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    // The console bundles its page, and some commands start Serverless.
    external: ['esbuild', 'serverless'],
    metafile: true,
    write: false,
    outfile: BUNDLE,
    logLevel: 'error',
  });
  // The lock file stands for the libraries.
  const own = Object.keys(metafile.inputs).filter((file) => !file.includes('node_modules'));
  const files = [...own, 'packages/cli/bin.cjs', 'package-lock.json'];
  mkdirSync(FOLDER, { recursive: true });
  // Two calls may bundle at the same time.
  const put = (file, content) => {
    writeFileSync(`${file}.${process.pid}`, content);
    renameSync(`${file}.${process.pid}`, file);
  };
  put(BUNDLE, outputFiles[0].contents);
  put(STAMP, JSON.stringify(Object.fromEntries(files.map((file) => [file, stampOf(file)]))));
}

// Keeps what V8 has compiled, beside the bundle. Node 20 cannot.
require('node:module').enableCompileCache?.(join(FOLDER, 'compiled'));
if (!isFresh()) bundle();
require(BUNDLE)
  .main(process.argv.slice(2))
  .catch((error) => {
    process.stderr.write(`${error?.stack ?? error}\n`);
    process.exitCode = 1;
  });
