import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import type { Resource } from './declared';

const run = promisify(execFile);
const SLS = join(process.cwd(), 'node_modules', 'serverless', 'bin', 'serverless.js');
const CACHE = join(process.cwd(), 'node_modules', '.cache', 'sls');

/** To compile its code and its schema takes `sls` seconds. What it compiled, it finds there by its content. */
export const COMPILED = { NODE_COMPILE_CACHE: join(CACHE, 'compiled'), SLS_SCHEMA_CACHE_BASE_DIR: CACHE };

/** What packaging does not need. The user's `.env` files hold secrets of other stages. */
const LEFT_OUT = /^(node_modules|\.git|\.local|\.serverless|\.esbuild|coverage|\.env.*)$/;

/** The output of `sls package`: the compiled template and the functions' zips beside it. */
export interface Packaged {
  directory: string;
  resources: Record<string, Resource>;
}

export function readPackage(directory: string): Packaged {
  const file = join(directory, 'cloudformation-template-update-stack.json');
  const { Resources } = JSON.parse(readFileSync(file, 'utf8')) as { Resources: Record<string, Resource> };
  return { directory, resources: Resources };
}

/** Packages a stage, from a copy: two commands in one directory overwrite each other's files. This process removes it. */
export async function packageStage(stage: string): Promise<Packaged> {
  const project = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'package-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [copy, output] = [join(folder, 'project'), join(folder, 'output')];
  cpSync(project, copy, {
    recursive: true,
    filter: (source) => dirname(source) !== project || !LEFT_OUT.test(basename(source)),
  });
  symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'), 'junction');
  // serverless-esbuild leaves copies of the functions in the temporary folder.
  const env = { PATH: process.env.PATH, HOME: copy, TMPDIR: copy, ...COMPILED };
  try {
    await run(process.execPath, [SLS, 'package', '--stage', stage, '--package', output], { cwd: copy, env });
  } catch (error) {
    // The tool's own output says what is wrong in serverless.yml, partly on standard output.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`sls package --stage ${stage} failed:\n${stdout}${stderr}`.trim(), { cause: error });
  }
  return readPackage(output);
}

export function unzip(file: string, directory: string): void {
  for (const [name, bytes] of Object.entries(unzipSync(readFileSync(file)))) {
    if (name.endsWith('/')) continue;
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), bytes);
  }
}
