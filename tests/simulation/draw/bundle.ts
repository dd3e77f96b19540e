import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { groupBy } from '../../../lib/group-by';

const ROOT = resolve(__dirname, '../../..');

/** A change of one line or two in the source, under which a run must break a promise. */
export interface SourceChange {
  /** From the project's root. */
  file: string;
  /** Stands in the file exactly once. */
  find: string;
  replace: string;
}

/**
 * The simulation as one script for a worker thread, with the code as it is or as the changes make it. Jest's modules and
 * globals would slow the runs by a quarter.
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
  const byPath = groupBy(changes, ({ file }) => join(ROOT, file));
  return {
    name: 'changed source',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const here = byPath.get(path);
        return here && { contents: here.reduce(applied, readFileSync(path, 'utf8')), loader: 'ts' };
      });
    },
  };
}

function applied(source: string, { file, find, replace }: SourceChange): string {
  const parts = source.split(find);
  // Otherwise the mutant would be the code as it is, and the test would say nothing.
  if (parts.length !== 2)
    throw new Error(`${file} holds the text to replace ${parts.length - 1} times, not once: ${find}`);
  return parts.join(replace);
}
