import { join } from 'node:path';
import { NOT_RUNNING } from '../../../packages/local/connection';
import { readInstance } from '../../../resources/instances/read';
import { npmScripts, sendFeedback } from '../../support/npm-scripts';
import { sls } from '../../support/sls';

const fixture = join(process.cwd(), 'tests/fixtures/feedback.json');

const { path, started, service } = npmScripts();

/** A shell that is configured for another account. Commands of stage local ignore that. */
const elsewhere = { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_PROFILE: 'another' };

test('without a running service, a command says how to start it', async () => {
  const { code, output } = await sls(path, ['producer', 'env']);

  expect([code, output]).toEqual([1, expect.stringContaining(NOT_RUNNING)]);
});

test('sls --help ends quietly when its reader closes the pipe', async () => {
  const { code, stderr } = await sls(path, ['--help'], {}, (_stdout, child) => child.stdout.destroy());

  expect([code, stderr]).toEqual([0, '']);
});

test('npm start serves the example and the commands of stage local, and all of them end cleanly', async () => {
  const { running } = await service();
  const [invoked, variables, check] = await Promise.all([
    sls(path, ['invoke', 'local', '-f', 'feedback', '-p', fixture]),
    sls(path, ['producer', 'env']),
    sls(path, ['check', '--live', '--json'], elsewhere),
  ]);
  const example = started('example');
  const [, port] = await example.says(/"listening".*"port":(\d+)/);
  const { status } = await sendFeedback(`http://127.0.0.1:${port}`);
  const stopped = [await example.end('SIGTERM'), await running.end('SIGINT', { group: true })];

  expect(status).toBe(202);
  expect(invoked.output).toContain('"outcome":"succeeded","attempts":1');
  expect([invoked, variables, check].map(({ code }) => code)).toEqual([0, 0, 0]);
  const canaries = readInstance('local').rows.map(({ name: queue }) => ({ queue, state: 'succeeded' }));
  expect(JSON.parse(check.stdout)).toMatchObject({ problems: [], canaries });
  expect(check.stderr).toContain('local · stage local · the service on this machine');
  expect(variables.stdout).toMatch(/^AWS_ENDPOINT_URL_SQS='http:\/\/127\.0\.0\.1:\d+'$/m);
  expect(stopped).toEqual([0, 0]);
  expect(example.output()).toContain('"stopped"');
});
