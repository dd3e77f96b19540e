import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NOT_RUNNING } from '../../../packages/local/connection';
import { readInstance } from '../../../resources/instances/read';
import { type Running, watched } from '../../support/running';
import { serviceDirectory, sls } from '../../support/sls';

const fixture = join(process.cwd(), 'tests/fixtures/feedback.json');

let directory: ReturnType<typeof serviceDirectory>;
beforeAll(() => {
  directory = serviceDirectory();
});
afterAll(() => directory.remove());

/** A shell that is configured for another account. Commands of stage local ignore that. */
const elsewhere = { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_PROFILE: 'another' };

/** `npm start` and `npm run example`, each in a process group of its own, as a terminal runs it. */
const processes: Running[] = [];
afterEach(async () => {
  for (const running of processes.splice(0)) await running.end('SIGKILL', { group: true });
});
function started(script: 'start' | 'example'): Running {
  const { scripts } = JSON.parse(readFileSync(join(directory.path, 'package.json'), 'utf8'));
  const [, ...words] = scripts[script].split(' ');
  const running = watched(
    spawn(process.execPath, words, {
      cwd: directory.path,
      env: { PATH: process.env.PATH, HOME: process.env.PACKAGES, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    }),
  );
  processes.push(running);
  return running;
}

test('without a running service, a command says how to start it', async () => {
  const { code, output } = await sls(directory.path, ['producer', 'env']);

  expect([code, output]).toEqual([1, expect.stringContaining(NOT_RUNNING)]);
});

test('sls --help ends quietly when its reader closes the pipe', async () => {
  const { code, stderr } = await sls(directory.path, ['--help'], {}, (_stdout, child) => child.stdout.destroy());

  expect([code, stderr]).toEqual([0, '']);
});

test('npm start serves requests, the example and invoke local, passes its tests, and stops cleanly on Ctrl-C', async () => {
  const running = started('start');
  const [, api] = await running.says(/(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Press Ctrl-C to stop it\./);

  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' }),
  };
  const accepted = await fetch(`${api}/feedback`, request);
  await running.says(/outcome=succeeded/);
  const [invoked, variables, check] = await Promise.all([
    sls(directory.path, ['invoke', 'local', '-f', 'feedback', '-p', fixture]),
    sls(directory.path, ['producer', 'env']),
    sls(directory.path, ['check', '--live', '--json'], elsewhere),
  ]);
  const example = started('example');
  const [, port] = await example.says(/"listening".*"port":(\d+)/);
  const ofExample = await fetch(`http://127.0.0.1:${port}/feedback`, request);
  const stopped = [await example.end('SIGTERM'), await running.end('SIGINT', { group: true })];

  expect([accepted, ofExample].map(({ status }) => status)).toEqual([202, 202]);
  expect(invoked.output).toContain('"outcome":"succeeded","attempts":1');
  expect([invoked, variables, check].map(({ code }) => code)).toEqual([0, 0, 0]);
  const canaries = readInstance('local').rows.map(({ name: queue }) => ({ queue, state: 'succeeded' }));
  expect(JSON.parse(check.stdout)).toMatchObject({ problems: [], canaries });
  expect(check.stderr).toContain('local · stage local · the service on this machine');
  expect(variables.stdout).toMatch(/^AWS_ENDPOINT_URL_SQS='http:\/\/127\.0\.0\.1:\d+'$/m);
  expect(stopped).toEqual([0, 0]);
  expect(example.output()).toContain('"stopped"');
  expect(running.output()).toContain('Stopped.');
  expect(existsSync(join(directory.path, '.local/service.json'))).toBe(false);
});
