import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzip } from '../../../packages/local/template/package';
import { localPackage } from '../../support/packages';

/** The most bytes that a function may load at its cold start. Most of a bundle is libraries. */
const LIMIT: Record<string, number> = { 'handlers/analytics': 600_000 };
const LIMIT_OF_OTHERS = 850_000;

test('the bundle of each function is small', async () => {
  const { directory, resources } = await localPackage();
  const folder = mkdtempSync(join(tmpdir(), 'bundles-'));
  const functions = Object.values(resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');

  const large = functions.flatMap(({ Properties = {} }) => {
    const { S3Key } = Properties.Code as { S3Key: string };
    const file = String(Properties.Handler).replace(/\.\w+$/, '');
    unzip(join(directory, S3Key.split('/').at(-1) ?? ''), folder);
    const { size } = statSync(join(folder, `${file}.js`));
    return size < (LIMIT[file] ?? LIMIT_OF_OTHERS) ? [] : [[file, size]];
  });
  rmSync(folder, { recursive: true });

  expect(functions.length).toBeGreaterThan(5);
  expect(large).toEqual([]);
});
