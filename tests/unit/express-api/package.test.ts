import { readFileSync } from 'node:fs';

interface Manifest {
  name: string;
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}
const manifest = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Manifest;

test('the example installs the tarball of this version, and the packages that the project tests it with', () => {
  const { name, version, dependencies, devDependencies } = manifest('package.json');
  const example = manifest('examples/express-api/package.json');
  const { [`${name}-producer`]: producer, ...others } = { ...example.dependencies, ...example.devDependencies };

  expect(producer).toBe(`file:../../dist/${name}-producer-${version}.tgz`);
  expect({ ...dependencies, ...devDependencies }).toMatchObject(others);
});
