import { runCommand } from '../../../lib/cli/run-command';
import type { Serverless } from '../../../lib/cli/serverless';
import { ConfigError } from '../../../lib/config';
import { StoreError } from '../../../lib/errors';
import { OperatorError } from '../../../lib/ops/operator';
import { recordingOutput } from '../../support/operator';

class ServerlessError extends Error {}

async function run(error: Error, options = {}) {
  const { out, recorded } = recordingOutput();
  const serverless = { classes: { Error: ServerlessError } } as unknown as Serverless;
  const connect = () => Promise.reject(new Error('not needed'));
  await runCommand(() => Promise.reject(error), { serverless, options, out, connect });
  return recorded;
}

test.each([
  new OperatorError('There is no job.'),
  new StoreError({ code: 'SQS.Throttled', message: 'There is no job' }),
  new ConfigError('There is no job'),
])('an expected error becomes an error of Serverless with one sentence', async (error) => {
  await expect(run(error)).rejects.toEqual(new ServerlessError('There is no job.'));
});

test('with --json, an error sets the exit code and prints nothing to standard output', async () => {
  const { lines, notes, exitCode } = await run(new OperatorError('There is no job.'), { json: true });

  expect({ lines, notes, exitCode }).toEqual({ lines: [], notes: ['There is no job.'], exitCode: 1 });
});

test('an unexpected error keeps its stack', async () => {
  const bug = new TypeError('undefined is not a function');

  await expect(run(bug, { json: true })).rejects.toBe(bug);
});
