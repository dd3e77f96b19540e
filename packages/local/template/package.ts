import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRawSync } from 'node:zlib';
import type { Resource } from './declared';

const run = promisify(execFile);
const SLS = join(process.cwd(), 'node_modules', 'serverless', 'bin', 'serverless.js');

/** Folders that packaging does not need, large ones and those with the output of other commands. */
const leftOut = new Set(['node_modules', '.git', '.local', '.serverless', '.esbuild', 'coverage']);

const isDotenv = (file: string): boolean => basename(file).startsWith('.env');

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

/** Copies the project for a run of `sls`. Two commands in one directory overwrite each other's files. */
function copyProject(): { directory: string; remove: () => void } {
  const project = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'project-'));
  cpSync(project, directory, {
    recursive: true,
    filter: (source) => dirname(source) !== project || !(leftOut.has(basename(source)) || isDotenv(source)),
  });
  symlinkSync(join(project, 'node_modules'), join(directory, 'node_modules'));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Packages a stage into `output`. The user's `.env` files stay out, because they hold secrets of other stages. */
export async function packageService({ stage, output }: { stage: string; output: string }): Promise<Packaged> {
  const copy = copyProject();
  try {
    rmSync(output, { recursive: true, force: true });
    await run(process.execPath, [SLS, 'package', '--stage', stage, '--package', output], {
      cwd: copy.directory,
      // serverless-esbuild leaves copies of the functions in the temporary folder.
      env: { PATH: process.env.PATH, HOME: copy.directory, TMPDIR: copy.directory },
    });
  } catch (error) {
    // The tool's own output says what is wrong in serverless.yml, partly on standard output.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`sls package --stage ${stage} failed:\n${stdout}${stderr}`.trim(), { cause: error });
  } finally {
    copy.remove();
  }
  return readPackage(output);
}

/** Packages stage local into a folder that this process removes at its end. */
export function packageLocal(): Promise<Packaged> {
  const output = mkdtempSync(join(tmpdir(), 'local-package-'));
  process.once('exit', () => rmSync(output, { recursive: true, force: true }));
  return packageService({ stage: 'local', output });
}

const STORED = 0;
const END_OF_CENTRAL_DIRECTORY = 0x06054b50;

/** Unpacks a function's artifact by its central directory (APPNOTE 4.3.12). */
export function unzip(file: string, directory: string): void {
  const zip = readFileSync(file);
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_CENTRAL_DIRECTORY) end -= 1;
  if (end < 0) throw new Error(`${file} is not a zip file`);
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const header = zip.readUInt32LE(at + 42);
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    const bytes = zip.subarray(start, start + zip.readUInt32LE(at + 20));
    if (!name.endsWith('/')) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), zip.readUInt16LE(at + 10) === STORED ? bytes : inflateRawSync(bytes));
    }
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}
