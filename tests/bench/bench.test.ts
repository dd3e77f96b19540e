import { spawnSync } from 'node:child_process';

const RUN = ['--import', 'tsx', 'tests/bench/run.ts'];

test('every benchmark runs in a small form, and no request of it fails', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...RUN, '--small'], { encoding: 'utf8' });

  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect([...stdout.matchAll(/^## (.*)$/gm)].map(([, name]) => name)).toEqual([
    ...['producer', 'feedback-cost', 'feedback-faults', 'analytics-cost', 'emails-priority', 'emails-memory'],
    ...['express-api', 'load'],
  ]);
});

test('a benchmark that does not exist ends with 1', () => {
  const { status, stderr } = spawnSync(process.execPath, [...RUN, 'produce'], { encoding: 'utf8' });

  expect([status, stderr]).toEqual([1, expect.stringContaining('there is no benchmark produce; there are producer,')]);
});
