import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

const HERE = 'packages/producer';
/** A package that is copied into the bundle. It is an ES module only, which Node before 20.19 cannot require. */
const COPIED = 'uuid';

interface Manifest {
  version: string;
  dependencies: Record<string, string>;
}

const readManifest = (file: string): Manifest => JSON.parse(readFileSync(file, 'utf8')) as Manifest;

/** Makes the package from the project in this folder, and packs it into `out`. Returns the tarball's path. */
export async function packProducer(out: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'producer-package-'));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  try {
    const dependencies = await bundle(join(folder, 'dist'));
    write('package.json', JSON.stringify({ ...readManifest(`${HERE}/package.json`), ...dependencies }, null, 2));
    cpSync(`${HERE}/README.md`, join(folder, 'README.md'));
    cpSync(`node_modules/${COPIED}/LICENSE.md`, join(folder, `dist/licenses/${COPIED}.md`));
    // One copy of the code, so that `instanceof` works for a caller that both imports and requires the package.
    write('dist/index.mjs', "export * from './index.js';\n");
    write('dist/index.d.mts', "export * from './index.js';\n");
    write('dist/index.d.ts', declarations(folder));
    mkdirSync(out, { recursive: true });
    const [packed] = JSON.parse(run('npm', ['pack', folder, '--json', '--pack-destination', out])) as {
      filename: string;
    }[];
    return resolve(out, packed?.filename ?? '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bundles our own code. Returns the project's version and the packages that the bundle imports, with versions. */
async function bundle(outdir: string): Promise<Manifest> {
  const { version, dependencies: shared } = readManifest('package.json');
  const dependencies = { ...shared, ...readManifest(`${HERE}/package.json`).dependencies };
  const { metafile } = await build({
    entryPoints: { index: `${HERE}/index.ts` },
    bundle: true,
    external: Object.keys(dependencies).filter((name) => name !== COPIED),
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    outdir,
    metafile: true,
    logLevel: 'warning',
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  const names = new Set(imports.filter((path) => !isBuiltin(path)).map(packageOf));
  return {
    version,
    dependencies: Object.fromEntries([...names].sort().map((name) => [name, dependencies[name] ?? ''])),
  };
}

const packageOf = (path: string): string => path.split('/', path.startsWith('@') ? 2 : 1).join('/');

/** The declarations that the entry reaches, in one text. */
function declarations(folder: string): string {
  const types = join(folder, 'types');
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { types: ['node'], typeRoots: [resolve('node_modules/@types')] };
  const files = [resolve(`${HERE}/index.ts`)];
  writeFileSync(config, JSON.stringify({ extends: resolve('tsconfig.json'), files, include: [], compilerOptions }));
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', '.', '--outDir', types];
  run('node_modules/.bin/tsc', ['-p', config, ...options]);
  const text = joined(join(types, HERE, 'index.d.ts'));
  rmSync(types, { recursive: true });
  rmSync(config);
  return text;
}

/** Puts a file's text behind its imports. Only the entry exports. Names are distinct, and no import renames one. */
function joined(entry: string): string {
  const packages = new Set<string>();
  const texts: string[] = [];
  const seen = new Set<string>();
  const add = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(file, 'utf8').replaceAll(
      /^(import|export)( [^;]*?) from ['"]([^'"]+)['"];\n/gm,
      (statement: string, word: string, names: string, path: string) => {
        if (path.startsWith('.')) add(`${join(dirname(file), path.replace(/\.ts$/, ''))}.d.ts`);
        else packages.add(statement.replace('import type ', 'import '));
        return word === 'export' ? `export${names};\n` : '';
      },
    );
    texts.push(file === entry ? text : text.replaceAll(/^export (\{\};\n)?/gm, ''));
  };
  add(entry);
  return [...packages, ...texts].join('');
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}
