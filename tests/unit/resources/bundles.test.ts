import { globSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { localPackage } from '../../support/packages';

/** The most bytes of a zipped bundle, which Lambda loads at a cold start. Most of a bundle is libraries. */
const LIMIT: Record<string, number> = { 'analytics.zip': 212_000 };
const LIMIT_OF_OTHERS = 275_000;

test('the bundle of each function is small', async () => {
  const { directory } = await localPackage();
  const bundles = globSync(join(directory, '*.zip')).map((file) => [basename(file), statSync(file).size] as const);

  expect(bundles.length).toBeGreaterThan(5);
  expect(bundles.filter(([name, bytes]) => bytes > (LIMIT[name] ?? LIMIT_OF_OTHERS))).toEqual([]);
});
