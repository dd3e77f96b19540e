import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';

const HERE = 'packages/producer';
const ENTRY = `${HERE}/index.ts`;
/** Packages that are copied into the bundle. uuid is an ES module only, which Node before 20.19 cannot require. */
const COPIED = ['uuid'];

interface Manifest {
  name: string;
  version: string;
  license: string;
  dependencies: Record<string, string>;
}

/** Makes the package from the project in this folder, and packs it into `out`. Returns the tarball's path. */
export async function packProducer(out: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'producer-package-'));
  try {
    const used = await bundle(folder);
    declarations(folder);
    write(folder, 'package.json', JSON.stringify(manifest(used), null, 2));
    write(folder, 'README.md', readFileSync(`${HERE}/README.md`, 'utf8'));
    mkdirSync(out, { recursive: true });
    const [packed] = JSON.parse(run('npm', ['pack', folder, '--json', '--pack-destination', out])) as {
      filename: string;
    }[];
    return resolve(out, packed?.filename ?? '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bundles our own code, and returns the packages that it imports. */
async function bundle(folder: string): Promise<string[]> {
  const options = {
    entryPoints: { index: ENTRY },
    bundle: true,
    external: Object.keys(projectManifest().dependencies).filter((name) => !COPIED.includes(name)),
    platform: 'node',
    target: 'node20',
    metafile: true,
    logLevel: 'warning',
  } as const;
  await build({ ...options, format: 'cjs', outdir: join(folder, 'dist') });
  // esbuild lists the exports of ES modules only.
  const { metafile } = await build({ ...options, format: 'esm', outdir: join(folder, 'dist'), write: false });
  const [{ exports: names = [], imports = [] } = {}] = Object.values(metafile.outputs);
  // One copy of the code, so that `instanceof` works for a caller that both imports and requires the package.
  write(folder, 'dist/index.mjs', `export { ${names.join(', ')} } from './index.js';\n`);
  for (const name of COPIED)
    write(folder, `dist/licenses/${name}.md`, readFileSync(`node_modules/${name}/LICENSE.md`, 'utf8'));
  const packages = imports.filter(({ path }) => !isBuiltin(path)).map(({ path }) => packageOf(path));
  return [...new Set(packages)].sort();
}

const packageOf = (path: string): string => path.split('/', path.startsWith('@') ? 2 : 1).join('/');

/** Writes the declarations of every file that the entry's declarations reach. */
function declarations(folder: string): void {
  const types = join(folder, 'dist/types');
  const options = ['--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', '.', '--outDir', types];
  const config = join(folder, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: resolve('tsconfig.json'),
      files: [resolve(ENTRY)],
      include: [],
      compilerOptions: { types: ['node'], typeRoots: [resolve('node_modules/@types')] },
    }),
  );
  run('node_modules/.bin/tsc', ['-p', config, ...options]);
  rmSync(config);
  const entry = join(types, ENTRY.replace(/\.ts$/, '.d.ts'));
  const reached = reach(entry);
  for (const file of readdirSync(types, { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.d.ts') && !reached.has(join(types, file))) rmSync(join(types, file));
  const text = `export * from './types/${HERE}/index.js';\n`;
  write(folder, 'dist/index.d.ts', text);
  write(folder, 'dist/index.d.mts', text);
}

function reach(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?['"](\.[^'"]+)['"]/g))
    reach(`${join(dirname(file), path.replace(/\.ts$/, ''))}.d.ts`, seen);
  return seen;
}

const projectManifest = (): Manifest => JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;

function manifest(used: string[]) {
  const project = projectManifest();
  const dependencies = Object.fromEntries(
    used.map((name) => {
      const version = project.dependencies[name];
      if (!version) throw new Error(`${name}: the producer imports it, but it is not among the project's dependencies`);
      return [name, version];
    }),
  );
  return {
    name: `${project.name}-producer`,
    version: project.version,
    description: 'Hands background jobs over to their queues',
    license: project.license,
    type: 'commonjs',
    main: './dist/index.js',
    types: './dist/index.d.ts',
    exports: {
      '.': {
        import: { types: './dist/index.d.mts', default: './dist/index.mjs' },
        require: { types: './dist/index.d.ts', default: './dist/index.js' },
      },
      './package.json': './package.json',
    },
    files: ['dist'],
    sideEffects: false,
    engines: { node: '>=20' },
    dependencies,
  };
}

function write(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`}`);
  return stdout;
}
