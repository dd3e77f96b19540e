import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { Resource } from './intrinsics';

const run = promisify(execFile);
/** Not needed to package, large, or another command's output. */
const leftOut = new Set(['node_modules', '.git', '.local', '.serverless', '.esbuild', '.env', 'coverage']);

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

/**
 * Packages a stage into `output`. In a copy of the project: two `sls` commands in one directory overwrite each
 * other's files. Without the user's `.env`, so that no secret of another stage comes in.
 */
export async function packageService({ stage, output }: { stage: string; output: string }): Promise<Packaged> {
  const project = process.cwd();
  const copy = mkdtempSync(join(tmpdir(), 'package-'));
  try {
    cpSync(project, copy, {
      recursive: true,
      filter: (source) => relative(project, source).includes('/') || !leftOut.has(basename(source)),
    });
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
    rmSync(output, { recursive: true, force: true });
    const sls = join(project, 'node_modules', 'serverless', 'bin', 'serverless.js');
    await run(process.execPath, [sls, 'package', '--stage', stage, '--package', output], {
      cwd: copy,
      env: { PATH: process.env.PATH, HOME: copy, SLS_NOTIFICATIONS_MODE: 'off' },
    });
  } catch (error) {
    // The tool's own text says what is wrong with serverless.yml, in part on standard output.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`sls package --stage ${stage} failed:\n${stdout}${stderr}`.trim(), { cause: error });
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  return readPackage(output);
}
