import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Resource } from './intrinsics';

const run = promisify(execFile);
/** The `sls` command, for the Node that runs this process. */
export const SLS = join(process.cwd(), 'node_modules', 'serverless', 'bin', 'serverless.js');

/** Not needed to package, large, or another command's output. */
const leftOut = new Set(['node_modules', '.git', '.local', '.serverless', '.esbuild', 'coverage']);

const isDotenv = (file: string): boolean => basename(file).startsWith('.env');

/** What `sls package` made: the compiled template and, beside it, the functions' zips. */
export interface Packaged {
  directory: string;
  resources: Record<string, Resource>;
}

/** Reads a directory that `sls package --package` has written. */
export function readPackage(directory: string): Packaged {
  const file = join(directory, 'cloudformation-template-update-stack.json');
  const { Resources } = JSON.parse(readFileSync(file, 'utf8')) as { Resources: Record<string, Resource> };
  return { directory, resources: Resources };
}

/** A copy of the project, to run `sls` in: two commands in one directory overwrite each other's files. */
export function copyProject(): { directory: string; remove: () => void } {
  const project = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'project-'));
  cpSync(project, directory, {
    recursive: true,
    filter: (source) => dirname(source) !== project || !(leftOut.has(basename(source)) || isDotenv(source)),
  });
  symlinkSync(join(project, 'node_modules'), join(directory, 'node_modules'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Packages a stage into `output`, without the user's `.env`: no secret of another stage may come in. */
export async function packageService({ stage, output }: { stage: string; output: string }): Promise<Packaged> {
  const copy = copyProject();
  try {
    rmSync(output, { recursive: true, force: true });
    await run(process.execPath, [SLS, 'package', '--stage', stage, '--package', output], {
      cwd: copy.directory,
      env: { PATH: process.env.PATH, HOME: copy.directory },
    });
  } catch (error) {
    // The tool's own text says what is wrong with serverless.yml, in part on standard output.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`sls package --stage ${stage} failed:\n${stdout}${stderr}`.trim(), { cause: error });
  } finally {
    copy.remove();
  }
  return readPackage(output);
}
