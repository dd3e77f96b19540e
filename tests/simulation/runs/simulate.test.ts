import { spawnSync } from 'node:child_process';

/** The command as `npm run simulate -- …` runs it. */
function simulate(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'tests/simulation/simulate.ts', ...args],
    { encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

test('a search with too few runs fails and prints the faults that it did not reach', () => {
  const { status, stdout } = simulate('--runs', '7', '--seed', '1');

  expect(stdout).toMatch(/^never reached: .*outage of bulk, .*resolved as done, /m);
  expect(stdout).toMatch(/^7 runs of feedback, .* every promise was kept$/m);
  expect(status).toBe(1);
});

test('a search of one queue need not reach the faults of other queues', () => {
  const { status, stdout } = simulate('--runs', '7', '--seed', '1', '--queue', 'emails');

  expect(stdout).not.toContain('never reached');
  expect(stdout).toMatch(/^7 runs of emails with seed 1 .* every promise was kept$/m);
  expect(status).toBe(0);
});

test('a scale plan prints a row with its size, its virtual minutes and its calls', () => {
  const { status, stdout } = simulate('--scale', 'held', '--size', '20');

  expect(stdout).toMatch(/^\| held: jobs whose wait is over \| 20 \| \d+ \| [\d,]+ \| \d+ \|$/m);
  expect(status).toBe(0);
});

test('every pair of faults in the smallest run of a queue is run and counted', () => {
  const { status, stdout } = simulate('--pairs', 'analytics');

  expect(stdout).toMatch(/^\| analytics \| \d+ \| \d+ \|$/m);
  expect(status).toBe(0);
});

test('an unknown mutant is refused, and the error lists the known names', () => {
  const { status, stderr } = simulate('--mutant', 'nothing');

  expect(stderr).toMatch(/^there is no mutant nothing; there are /);
  expect(status).toBe(1);
});

test.each(['--scale nothing', '--pairs nothing', '--size many', '--queue nothing', '--runs many', '--fast'])(
  '%s prints the usage and runs nothing',
  (line) => {
    const { status, stdout, stderr } = simulate(...line.split(' '));

    expect(stderr).toMatch(/^usage: npm run simulate -- --runs N --seed S \[--queue feedback\|/m);
    expect(stdout).toBe('');
    expect(status).toBe(1);
  },
);
