import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { simulate } from '../simulate';

/** Runs `npm run simulate -- LINE`. */
async function run(line: string): Promise<{ kept: boolean; stdout: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough().resume()];
  const written = text(stdout);
  const kept = await simulate(line.split(' '), { stdout, stderr }).finally(() => stdout.end());
  return { kept, stdout: await written };
}

test('a search with too few runs fails and prints the faults that it did not reach', async () => {
  const { kept, stdout } = await run('--runs 7 --seed 1');

  expect(stdout).toMatch(/^never reached: .*outage of bulk, .*redrive by command, /m);
  expect(stdout).toMatch(/^7 runs of feedback, .* every promise was kept$/m);
  expect(kept).toBe(false);
});

test('a search of one queue need not reach the faults of other queues', async () => {
  const { kept, stdout } = await run('--runs 7 --seed 1 --queue emails');

  expect(stdout).not.toContain('never reached');
  expect(stdout).toMatch(/^7 runs of emails with seed 1 .* every promise was kept$/m);
  expect(kept).toBe(true);
});

test('a scale plan prints a row with its size, its virtual minutes and its calls', async () => {
  const { kept, stdout } = await run('--scale held --size 20');

  expect(stdout).toMatch(/^\| held: jobs whose wait is over \| 20 \| \d+ \| [\d,]+ \| \d+ \|$/m);
  expect(kept).toBe(true);
});

test('every pair of faults in the smallest run of a queue is run and counted', async () => {
  const { kept, stdout } = await run('--pairs analytics');

  expect(stdout).toMatch(/^\| analytics \| \d+ \| \d+ \|$/m);
  expect(kept).toBe(true);
});

test('an unknown mutant is refused, and the error lists the known names', () =>
  expect(run('--mutant nothing')).rejects.toThrow(/^there is no mutant nothing; there are /));

test.each(['--scale nothing', '--pairs nothing', '--size many', '--queue nothing', '--runs many', '--fast'])(
  '%s is refused with the usage',
  (line) => expect(run(line)).rejects.toThrow(/^usage: npm run simulate -- --runs N --seed S \[--queue feedback\|/m),
);
