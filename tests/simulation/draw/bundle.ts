import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { groupBy } from '../../../lib/group-by';

const ROOT = resolve(__dirname, '../../..');

/** A change of one or two source lines, under which a run must break a promise. */
export interface SourceChange {
  /** The path from the project's root. */
  file: string;
  /** The text to replace. It must occur in the file exactly once. */
  find: string;
  replace: string;
}

/**
 * Bundles the simulation into one script for a worker thread, with these changes. Runs inside Jest are a quarter
 * slower, because of its modules and globals.
 */
export async function bundle(changes: readonly SourceChange[] = []): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(__dirname, 'simulate-part.ts')],
    bundle: true,
    platform: 'node',
    write: false,
    logLevel: 'silent',
    plugins: [changed(changes)],
  });
  const [output] = outputFiles;
  if (!output) throw new Error('esbuild wrote nothing');
  return output.text;
}

function changed(changes: readonly SourceChange[]): Plugin {
  return {
    name: 'changed source',
    setup({ onLoad }) {
      // esbuild asks for each file that fits, which would take longer than the rest, so the filter names one file.
      for (const [file, here] of groupBy(changes, (change) => change.file))
        onLoad({ filter: new RegExp(`/${basename(file).replaceAll('.', '\\.')}$`) }, ({ path }) =>
          path === join(ROOT, file)
            ? { contents: here.reduce(applied, readFileSync(path, 'utf8')), loader: 'ts' }
            : undefined,
        );
    },
  };
}

function applied(source: string, { file, find, replace }: SourceChange): string {
  const parts = source.split(find);
  // Without the change the mutant would be the original code, and the test would prove nothing.
  if (parts.length !== 2)
    throw new Error(`${file} must contain this text exactly once, and contains it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}
