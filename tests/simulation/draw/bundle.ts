import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { context, type Plugin } from 'esbuild';

const ROOT = resolve(__dirname, '../../..');

/** A change of one or two source lines, under which a run must break a promise. */
export interface SourceChange {
  /** The path from the project's root. */
  file: string;
  /** The text to replace. It must occur in the file exactly once. */
  find: string;
  replace: string;
}

/** Packages as the functions' bundles have them (serverless.yml). */
const alias = { 'cross-fetch': './lib/vendors/native-fetch.ts' };

/**
 * Bundles the simulation into scripts for worker threads. Runs inside Jest are a quarter slower, because of its modules
 * and globals. `files`: those that a change may name. A bundler keeps what it has parsed, so each further bundle takes
 * half of the time. Only one bundle can be made at a time.
 */
export async function createBundler(files: readonly string[]) {
  let changes: readonly SourceChange[] = [];
  const changed: Plugin = {
    name: 'changed source',
    setup({ onLoad }) {
      // esbuild asks for each file that fits, which would take longer than the rest, so each filter names one file.
      for (const file of new Set(files))
        onLoad({ filter: new RegExp(`/${basename(file).replaceAll('.', '\\.')}$`) }, ({ path }) =>
          path === join(ROOT, file)
            ? {
                contents: changes.filter((change) => change.file === file).reduce(applied, readFileSync(path, 'utf8')),
                loader: 'ts',
              }
            : undefined,
        );
    },
  };
  const bundler = await context({
    entryPoints: [join(__dirname, 'simulate-part.ts')],
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    write: false,
    logLevel: 'silent',
    alias,
    plugins: [changed],
  });
  return {
    async bundle(now: readonly SourceChange[]): Promise<string> {
      changes = now;
      const { outputFiles } = await bundler.rebuild();
      const [output] = outputFiles;
      if (!output) throw new Error('esbuild wrote nothing');
      return output.text;
    },
    close: () => bundler.dispose(),
  };
}

/** One bundle, with these changes. */
export async function bundle(changes: readonly SourceChange[] = []): Promise<string> {
  const bundler = await createBundler(changes.map(({ file }) => file));
  return bundler.bundle(changes).finally(bundler.close);
}

function applied(source: string, { file, find, replace }: SourceChange): string {
  const parts = source.split(find);
  // Without the change the mutant would be the original code, and the test would prove nothing.
  if (parts.length !== 2)
    throw new Error(`${file} must contain this text exactly once, and contains it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}
