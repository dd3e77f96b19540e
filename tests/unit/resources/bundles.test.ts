import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { parse } from 'yaml';

const ROOT = join(__dirname, '../../..');

/** The bundle's options in serverless.yml that decide its size. */
interface Options {
  alias: Record<string, string>;
  mainFields: string[];
  target: string;
}

const KIB = 1024;
/**
 * The most that a function may load at its cold start. Most of a bundle is libraries: the clients of SSM and EventBridge
 * alone take 210 KiB of the two largest.
 */
const LIMIT: Record<string, number> = {
  'analytics.ts': 600 * KIB,
  'feedback.ts': 970 * KIB,
  'testflight.ts': 930 * KIB,
};
const LIMIT_OF_OTHERS = 900 * KIB;

async function sizeOf(handler: string): Promise<number> {
  const { custom } = parse(readFileSync(join(ROOT, 'serverless.yml'), 'utf8'), { logLevel: 'error' }) as {
    custom: { esbuild: Options };
  };
  const { alias, mainFields, target } = custom.esbuild;
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [`handlers/${handler}`],
    ...{ alias, mainFields, target },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]?.contents.length ?? 0;
}

test.each(readdirSync(join(ROOT, 'handlers')))('the bundle of %s is small', async (handler) => {
  expect(await sizeOf(handler)).toBeLessThan(LIMIT[handler] ?? LIMIT_OF_OTHERS);
});
