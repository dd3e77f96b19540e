import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { parse } from 'yaml';

const ROOT = join(__dirname, '../..');

/** The bundle's options in serverless.yml that decide its size. */
interface Options {
  alias: Record<string, string>;
  mainFields: string[];
  target: string;
}

/** The files of the functions. */
export const HANDLERS = readdirSync(join(ROOT, 'handlers'));

/** A bundle as a deployment makes it: its code, and the files that are in it. `code`: an entry that is not in a file. */
export async function bundled(
  entry: { handler: string } | { code: string },
): Promise<{ code: Uint8Array; files: string[] }> {
  const { custom } = parse(readFileSync(join(ROOT, 'serverless.yml'), 'utf8'), { logLevel: 'error' }) as {
    custom: { esbuild: Options };
  };
  const { alias, mainFields, target } = custom.esbuild;
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    ...('handler' in entry
      ? { entryPoints: [`handlers/${entry.handler}`], alias }
      : // Other code has the vendors' own clients.
        { stdin: { contents: entry.code, resolveDir: ROOT, loader: 'ts' as const } }),
    ...{ mainFields, target },
    bundle: true,
    minify: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    metafile: true,
    logLevel: 'silent',
  });
  return { code: outputFiles[0]?.contents ?? new Uint8Array(), files: Object.keys(metafile.inputs) };
}
