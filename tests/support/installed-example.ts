import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AwsEndpoints, awsVariables } from '../../packages/local/connection';
import type { Declared } from '../../packages/local/template/declared';
import { installProducer, manifestIn, PRODUCER } from './installed-producer';

const EXAMPLE = 'examples/express-api';

export type RunningExample = Awaited<ReturnType<Awaited<ReturnType<typeof installExample>>['start']>>;

/** The example outside this project, with the packed producer and the packages that it declares, compiled. */
export async function installExample() {
  const { dependencies, devDependencies } = manifestIn(EXAMPLE);
  const declared = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== PRODUCER);
  const consumer = await installProducer(declared);
  for (const file of ['src', 'tsconfig.json', 'package.json', 'openapi.json'])
    cpSync(join(EXAMPLE, file), join(consumer.folder, file), { recursive: true });
  consumer.run(resolve('node_modules/.bin/tsc'), ['-p', '.']);

  async function start(env: Record<string, string>) {
    const child = spawn(process.execPath, ['dist/main.js'], { cwd: consumer.folder, env: { PORT: '0', ...env } });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        child.emit('output');
      });
    child.on('close', () => child.emit('output'));
    let port: string | undefined;
    while (!port) {
      if (child.exitCode !== null) throw new Error(`the example ended: ${text}`);
      await once(child, 'output');
      port = /"listening".*"port":(\d+)/.exec(text)?.[1];
    }
    /** Ends it by a signal. Resolves to its exit code, `null` if the signal killed it. */
    const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
      const closed = once(child, 'close');
      child.kill(signal);
      return (await closed)[0] as number | null;
    };
    return { url: `http://127.0.0.1:${port}`, child, output: () => text, end };
  }
  return { start, remove: consumer.remove };
}

interface Local {
  config: { INSTANCE: string };
  endpoints: AwsEndpoints;
  declared: Pick<Declared, 'producer'>;
}

/** The variables that `sls producer env` prints for the service on this machine. */
export const variablesOf = ({ config, endpoints, declared }: Local): Record<string, string> => ({
  JOBS_INSTANCE: config.INSTANCE,
  JOBS_SETTINGS: JSON.stringify(declared.producer),
  ...awsVariables(endpoints),
});
