import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AwsEndpoints, awsVariables } from '../../packages/local/connection';
import type { Declared } from '../../packages/local/template/declared';
import { installProducer, manifestIn, PRODUCER } from './installed-producer';
import { watched } from './running';

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
    const running = watched(child);
    const [, port] = await running.says(/"listening".*"port":(\d+)/);
    return { ...running, url: `http://127.0.0.1:${port}` };
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
