import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NOT_RUNNING } from '../../../packages/local/connection';
import { readInstance } from '../../../resources/instances/read';
import { serviceDirectory, sls } from '../../support/sls';

const fixture = join(process.cwd(), 'tests/fixtures/feedback.json');

let directory: ReturnType<typeof serviceDirectory>;
beforeAll(() => {
  directory = serviceDirectory();
});
afterAll(() => directory.remove());

/** A shell that is configured for another account. Commands of stage local ignore that. */
const elsewhere = { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_PROFILE: 'another' };

/** Runs `npm start` in a process group of its own, as a terminal does. `says` resolves once it has printed a text. */
function start() {
  const child = spawn(process.execPath, ['--import', 'tsx', 'packages/local/start.ts'], {
    cwd: directory.path,
    env: { PATH: process.env.PATH, HOME: directory.path, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let output = '';
  const parts = child.stdout.setEncoding('utf8').iterator();
  const says = async (text: string): Promise<string> => {
    while (!output.includes(text)) {
      const { value, done } = await parts.next();
      if (done) throw new Error(`the process ended without "${text}":\n${output}`);
      output += value;
    }
    return output;
  };
  return { child, says };
}

test('without a running service, a command says how to start it', async () => {
  const { code, output } = await sls(directory.path, ['producer', 'env']);

  expect([code, output]).toEqual([1, expect.stringContaining(NOT_RUNNING)]);
});

test('sls --help ends quietly when its reader closes the pipe', async () => {
  const { code, stderr } = await sls(directory.path, ['--help'], {}, (_stdout, child) => child.stdout.destroy());

  expect([code, stderr]).toEqual([0, '']);
});

test('npm start serves requests and invoke local, passes its tests, and stops cleanly on Ctrl-C', async () => {
  const running = start();
  const greeting = await running.says('Press Ctrl-C to stop it.');
  const [api = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(greeting) ?? [];

  const accepted = await fetch(`${api}/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' }),
  });
  await running.says('outcome=succeeded');
  const [invoked, variables, check] = await Promise.all([
    sls(directory.path, ['invoke', 'local', '-f', 'feedback', '-p', fixture]),
    sls(directory.path, ['producer', 'env']),
    sls(directory.path, ['check', '--live', '--json'], elsewhere),
  ]);
  process.kill(-(running.child.pid ?? 0), 'SIGINT');
  await running.says('Stopped.');
  const [code] = await once(running.child, 'close');

  expect(accepted.status).toBe(202);
  expect(invoked.output).toContain('"outcome":"succeeded","attempts":1');
  expect([invoked, variables, check].map(({ code }) => code)).toEqual([0, 0, 0]);
  const canaries = readInstance('local').rows.map(({ name: queue }) => ({ queue, state: 'succeeded' }));
  expect(JSON.parse(check.stdout)).toMatchObject({ problems: [], canaries });
  expect(check.stderr).toContain('local · stage local · the service on this machine');
  expect(variables.stdout).toMatch(/^AWS_ENDPOINT_URL_SQS='http:\/\/127\.0\.0\.1:\d+'$/m);
  expect(code).toBe(0);
  expect(existsSync(join(directory.path, '.local/service.json'))).toBe(false);
});
