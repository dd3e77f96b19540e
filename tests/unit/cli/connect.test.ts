import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

test('a command that names no person loads no client of secrets', async () => {
  const script = `
    require('./lib/cli/connect.ts');
    console.log(Object.keys(require.cache).filter((file) => /client-(ssm|secrets)/.test(file)).length);`;

  const { stdout } = await promisify(execFile)(process.execPath, ['--require', 'tsx/cjs', '-e', script]);

  expect(stdout.trim()).toBe('0');
});
