import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
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

/** `npm start` in a process group of its own, as a terminal runs it. */
let running: Running | undefined;
afterEach(() => running?.end('SIGKILL', { group: true }));
const start = () =>
  watched(
    spawn(process.execPath, ['--import', 'tsx', 'packages/local/start.ts'], {
      cwd: directory.path,
      env: { PATH: process.env.PATH, HOME: directory.path, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    }),
  );

test('without a running service, a command says how to start it', async () => {
  const { code, output } = await sls(directory.path, ['producer', 'env']);

  expect([code, output]).toEqual([1, expect.stringContaining(NOT_RUNNING)]);
});

test('sls --help ends quietly when its reader closes the pipe', async () => {
  const { code, stderr } = await sls(directory.path, ['--help'], {}, (_stdout, child) => child.stdout.destroy());

  expect([code, stderr]).toEqual([0, '']);
});

test('npm start serves requests and invoke local, passes its tests, and stops cleanly on Ctrl-C', async () => {
  running = start();
  const [, api] = await running.says(/(http:\/\/127\.0\.0\.1:\d+)[\s\S]*Press Ctrl-C to stop it\./);

  const accepted = await fetch(`${api}/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' }),
  });
  await running.says(/outcome=succeeded/);
  const [invoked, variables, check] = await Promise.all([
    sls(directory.path, ['invoke', 'local', '-f', 'feedback', '-p', fixture]),
    sls(directory.path, ['producer', 'env']),
    sls(directory.path, ['check', '--live', '--json'], elsewhere),
  ]);
  const code = await running.end('SIGINT', { group: true });

  expect(accepted.status).toBe(202);
  expect(invoked.output).toContain('"outcome":"succeeded","attempts":1');
  expect([invoked, variables, check].map(({ code }) => code)).toEqual([0, 0, 0]);
  const canaries = readInstance('local').rows.map(({ name: queue }) => ({ queue, state: 'succeeded' }));
  expect(JSON.parse(check.stdout)).toMatchObject({ problems: [], canaries });
  expect(check.stderr).toContain('local · stage local · the service on this machine');
  expect(variables.stdout).toMatch(/^AWS_ENDPOINT_URL_SQS='http:\/\/127\.0\.0\.1:\d+'$/m);
  expect([code, running.output()]).toEqual([0, expect.stringContaining('Stopped.')]);
  expect(existsSync(join(directory.path, '.local/service.json'))).toBe(false);
});
