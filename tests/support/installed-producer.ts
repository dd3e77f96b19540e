import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { packProducer } from '../../packages/producer/pack';
import { makeOnce } from './packages';

export const PRODUCER = 'background-jobs-producer';

/** Another project, outside this one, that has installed the producer's package. */
export type Consumer = Awaited<ReturnType<typeof installProducer>>;

export const manifestIn = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<Declares, Record<string, string>>;
type Declares = 'dependencies' | 'devDependencies';

/** Packs the producer once for all test files. */
async function packed(): Promise<string> {
  const folder = await makeOnce('producer', async (output) => {
    await packProducer(output);
  });
  return join(folder, ...readdirSync(folder));
}

/**
 * Packs the producer and installs it without a registry. It links only the packages that the package's manifest
 * declares, and `others` of the project's, so that an undeclared import fails.
 */
export async function installProducer(others: string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'consumer-'));
  const tarball = await packed();
  const home = join(folder, 'node_modules', PRODUCER);
  mkdirSync(home, { recursive: true });
  /** Runs a program in the folder, and answers its output. Throws it if the program fails. */
  const run = (program: string, args: string[]): string => {
    const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? `${stdout}${stderr}`}`);
    return stdout;
  };
  run('tar', ['xzf', tarball, '-C', home, '--strip-components=1']);
  const { dependencies } = manifestIn(home);
  for (const name of [...Object.keys(dependencies), ...others]) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(resolve('node_modules', name), link, 'junction');
  }
  return {
    folder,
    tarball,
    write: (file: string, text: string) => writeFileSync(join(folder, file), text),
    run,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
