import { spawn } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AwsEndpoints, awsVariables } from '../../packages/local/connection';
import type { Declared } from '../../packages/local/template/declared';
import { aFeedback } from './feedback';
import { installProducer, manifestIn, PRODUCER } from './installed-producer';
import { type WatchedService, watchedService } from './local-service';
import { askByDocument } from './openapi';
import { localPackage } from './packages';
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
  consumer.run(resolve('node_modules/.bin/tsc'), ['-p', '.', '--checkers', '1']);

  async function start(env: Record<string, string>) {
    const child = spawn(process.execPath, ['dist/main.js'], { cwd: consumer.folder, env: { PORT: '0', ...env } });
    const running = watched(child);
    const [, port] = await running.says(/"listening".*"port":(\d+)/);
    return { ...running, url: `http://127.0.0.1:${port}` };
  }
  return { start, remove: consumer.remove };
}

/**
 * For the tests of one file: the example, and the service that it sends its jobs to. A process takes seconds to start, so
 * the tests share one, `current`. In the end, no process may have logged anything personal.
 */
export function exampleWithService() {
  const all: RunningExample[] = [];
  let example: Awaited<ReturnType<typeof installExample>>;
  const shared = {} as { service: WatchedService; current: RunningExample };

  async function start(env: Record<string, string> = {}): Promise<RunningExample> {
    const started = await example.start({ ...variablesOf(shared.service), ...env });
    all.push(started);
    return started;
  }
  beforeAll(async () => {
    [example, shared.service] = await Promise.all([installExample(), localPackage().then(watchedService)]);
    shared.current = await start();
  });
  afterAll(async () => {
    await Promise.all(all.map(({ end }) => end('SIGKILL')));
    await shared.service.stop();
    example.remove();
    expect(all.map(({ output }) => output()).join('')).not.toMatch(/private-|Hello/);
  });

  /** Calls the example and holds its answer to the OpenAPI document. */
  const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    askByDocument(shared.current.url, { method, path, body, headers: { 'x-client-id': 'a-client', ...headers } });
  return Object.assign(shared, { start, ask });
}

/** A feedback with words that no log may hold. */
export const exampleFeedback = (n: number | string) =>
  aFeedback({ user: { email: `private-${n}@example.com` }, subject: 'Hello', message: 'It works' });

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
