import { spawnSync } from 'node:child_process';

test('git ignores every file with settings of a machine, but not the example', () => {
  const names = ['.env', '.env.staging', '.env.prod', '.env.prod.acme', '.env.example'];

  const { stdout } = spawnSync('git', ['check-ignore', '--no-index', ...names], { encoding: 'utf8' });

  expect(stdout.trim().split('\n')).toEqual(names.filter((name) => name !== '.env.example'));
});
