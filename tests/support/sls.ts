import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPILED } from '../../packages/local/template/package';

/** What a test may change, or `sls` writes beside. */
const COPIED = ['handlers', 'instances', 'serverless.yml', 'package.json', 'tsconfig.json'];
/** Linked, so that all copies share what was compiled of it. */
const LINKED = ['functions', 'lib', 'examples', 'packages', 'resources', 'node_modules'];

export type ServiceDirectory = ReturnType<typeof serviceDirectory>;

/** A copy of the service to run `sls` in. Two commands in one directory would overwrite each other's files. */
export function serviceDirectory() {
  const project = process.cwd();
  const path = fs.mkdtempSync(join(tmpdir(), 'service-'));
  for (const entry of COPIED) fs.cpSync(join(project, entry), join(path, entry), { recursive: true });
  for (const entry of LINKED) fs.symlinkSync(join(project, entry), join(path, entry), 'junction');
  return { path, remove: () => fs.rmSync(path, { recursive: true, force: true }) };
}

/** Lets a copy package its template only. To load the bundler alone takes a third of the time of `sls package`. */
export function withoutCode({ path }: ServiceDirectory): void {
  const file = join(path, 'serverless.yml');
  const [bundler, noCode] = ['./packages/cli/bundler.cjs', './no-code.cjs'];
  const text = fs.readFileSync(file, 'utf8');
  if (!text.includes(bundler)) throw new Error(`serverless.yml does not name ${bundler}`);
  fs.writeFileSync(file, text.replace(bundler, noCode));
  fs.copyFileSync(join(__dirname, noCode), join(path, noCode));
}

export type SlsResult = Awaited<ReturnType<typeof sls>>;

/**
 * Runs `sls` in a directory. It gets this environment only, so that no variable of the machine comes in. `onOutput` sees
 * the standard output so far with each part, and may end the process or its pipes. `output`: standard output and error
 * together, in order.
 */
export async function sls(
  directory: string,
  args: string[],
  env: Record<string, string> = {},
  onOutput: (stdout: string, child: ChildProcessWithoutNullStreams) => void = () => {},
) {
  const cli = join(process.cwd(), 'node_modules', 'serverless', 'bin', 'serverless.js');
  // Test files share what tsx compiled. Alone, a directory has its own. serverless-esbuild leaves copies of the functions there
  // too.
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory, TMPDIR: process.env.PACKAGES ?? directory, ...COMPILED, ...env },
  });
  child.stdin.end();
  const result = { output: '', stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      result.output += text;
      result[name] += text;
      if (name === 'stdout') onOutput(result.stdout, child);
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...result };
}

interface TemplateResource {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

export interface CompiledTemplate {
  file: string;
  text: string;
  Resources: Record<string, TemplateResource>;
  Outputs: Record<string, { Value: unknown; Export?: { Name: string } }>;
}

/** Runs `sls package` for an instance. Throws with the command's output if it fails. */
export async function compiledTemplate(
  directory: string,
  instance: string,
  { output = join(directory, `package-${instance}`) }: { output?: string } = {},
): Promise<CompiledTemplate> {
  const result = await sls(directory, ['package', '--param', `instance=${instance}`, '--package', output]);
  if (result.code !== 0) throw new Error(`sls package of ${instance} failed:\n${result.output}`);
  return readTemplate(output);
}

export function readTemplate(output: string): CompiledTemplate {
  const file = join(output, 'cloudformation-template-update-stack.json');
  const text = fs.readFileSync(file, 'utf8');
  return { file, text, ...(JSON.parse(text) as Pick<CompiledTemplate, 'Resources' | 'Outputs'>) };
}
