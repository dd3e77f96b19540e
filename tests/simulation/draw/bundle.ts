import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

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
const alias = {
  '@sendgrid/client': './lib/mail/sendgrid-client.ts',
  'cross-fetch': './lib/platform/native-fetch.ts',
};

/**
 * Bundles the simulation, or another `entry`, into a script for threads. Runs inside Jest are a quarter slower, because of its modules and
 * globals. One bundle has all the mutants, because a bundle takes longer than a run: a changed file is in it once as it
 * is and once for each of its mutants, and the variable `mutant` around the script chooses.
 */
export async function bundle(
  mutants: Record<string, readonly SourceChange[]> = {},
  entry = join(__dirname, 'property.ts'),
): Promise<string> {
  const unread = new Set(Object.values(mutants).flatMap((changes) => changes.map(({ file }) => file)));
  const { outputFiles } = await build({
    entryPoints: [entry],
    absWorkingDir: ROOT,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
    logLevel: 'silent',
    alias,
    plugins: [switches(mutants, (file) => unread.delete(file))],
  });
  if (unread.size > 0) throw new Error(`the simulator does not run ${[...unread].join(', ')}`);
  const [output] = outputFiles;
  if (!output) throw new Error('esbuild wrote nothing');
  return output.text;
}

function switches(mutants: Record<string, readonly SourceChange[]>, onRead: (file: string) => void): Plugin {
  const names = Object.keys(mutants);
  const files = new Set(Object.values(mutants).flatMap((changes) => changes.map(({ file }) => file)));
  return {
    name: 'source mutants',
    setup({ onLoad }) {
      // esbuild asks for each file that fits, which would take longer than the rest, so each filter names one file.
      for (const file of files)
        onLoad({ filter: new RegExp(`/${basename(file).replaceAll('.', '\\.')}$`) }, ({ path, suffix }) => {
          if (path !== join(ROOT, file)) return undefined;
          onRead(file);
          const changed = names.filter((name) => mutants[name]?.some((change) => change.file === file));
          if (suffix === '') return { contents: choice(basename(file), changed), loader: 'js' };
          const changes = mutants[changed[Number(suffix.slice(1))] ?? ''] ?? [];
          const ofFile = changes.filter((change) => change.file === file);
          return { contents: changedBy(ofFile, readFileSync(path, 'utf8')), loader: 'ts' };
        });
    },
  };
}

/** A module that is one of the variants of a file. A query tells esbuild the variants apart. */
function choice(file: string, mutants: readonly string[]): string {
  const cases = mutants.map((name, index) => `case ${JSON.stringify(name)}: return require('./${file}?${index}');`);
  return `function variant() { switch (mutant) { ${cases.join(' ')} default: return require('./${file}?-'); } }
    module.exports = variant();`;
}

/** The changed source. If a change does not fit, the module throws, so that only its own mutant fails. */
function changedBy(changes: readonly SourceChange[], source: string): string {
  try {
    return changes.reduce(applied, source);
  } catch (error) {
    return `throw new Error(${JSON.stringify((error as Error).message)});`;
  }
}

function applied(source: string, { file, find, replace }: SourceChange): string {
  const parts = source.split(find);
  // Without the change the mutant would be the original code, and the test would prove nothing.
  if (parts.length !== 2)
    throw new Error(`${file} must contain this text exactly once, and contains it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}
