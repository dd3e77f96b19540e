import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { build } from 'esbuild';

/** What Node prints, with these arguments, in a process of its own. */
export async function printedBy(args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.trim();
}

/** Bundles a program as in a function. A compiler in its process would count as memory. */
export async function bundledTo(outfile: string, program: string): Promise<void> {
  const alias = {
    '@sendgrid/client': './lib/vendors/sendgrid-client.ts',
    'cross-fetch': './lib/vendors/native-fetch.ts',
  };
  const options = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' } as const;
  await build({ entryPoints: [`tests/bench/${program}.ts`], outfile, alias, ...options });
}
