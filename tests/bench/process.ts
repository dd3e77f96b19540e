import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { parse } from 'yaml';

/** What Node prints, with these arguments, in a process of its own. */
export async function printedBy(args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.trim();
}

/** A bundle as a deployment makes it: its code, and the files that are in it. `code`: an entry that is in no file. */
export async function bundled(entry: { file: string } | { code: string }) {
  const { custom } = parse(readFileSync('serverless.yml', 'utf8'), { logLevel: 'error' }) as {
    custom: { esbuild: Required<Pick<BuildOptions, 'alias' | 'mainFields' | 'target'>> };
  };
  // What decides the size.
  const { alias, mainFields, target } = custom.esbuild;
  const { outputFiles, metafile } = await build({
    ...('file' in entry
      ? { entryPoints: [entry.file], alias }
      : // Other code has the vendors' own clients.
        { stdin: { contents: entry.code, resolveDir: process.cwd(), loader: 'ts' as const } }),
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
