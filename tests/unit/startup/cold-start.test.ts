import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { coldStart } from '../../../lib/startup/engine';

test('a function starts once, at its first invocation', () => {
  let starts = 0;
  const started = coldStart(() => ++starts);

  expect([started(), started()]).toEqual([1, 1]);
});

test('a failed start is logged and thrown, and the next invocation starts again', async () => {
  const program = `
    const { ConfigError } = require('./lib/config/common.ts');
    const { coldStart } = require('./lib/startup/engine.ts');
    const failures = [new ConfigError('configuration: TABLE: is missing'), new Error('planted')];
    const started = coldStart(() => {
      const failure = failures.shift();
      if (failure) throw failure;
      return 'ready';
    });
    const outcomes = [1, 2, 3].map(() => {
      try {
        return started();
      } catch (error) {
        return error.message;
      }
    });
    console.log(JSON.stringify({ outcomes }));`;

  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--require', 'tsx/cjs', '-e', program]);

  const lines = `${stderr}${stdout}`.split('\n').filter(Boolean);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'ERROR', message: 'configuration: TABLE: is missing', code: 'NotConfigured' },
    { level: 'ERROR', message: 'the function could not start', code: 'NotConfigured' },
    { outcomes: ['configuration: TABLE: is missing', 'planted', 'ready'] },
  ]);
});
