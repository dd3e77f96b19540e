import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { PermanentError } from '../../../lib/platform/errors';
import { realLog, realMetrics } from '../../../lib/platform/log';
import type { Log, Metrics } from '../../../lib/platform/ports';
import { printed } from '../../support/printed';

/** The lines that a function's log would hold. Its metrics are flushed at last. */
function written(act: (log: Log, metrics: Metrics) => void): Record<string, unknown>[] {
  const metrics = realMetrics({ namespace: 'my-instance' });
  const text = printed(() => {
    act(realLog({ service: 'my-instance', level: 'INFO' }), metrics);
    void metrics.flush();
  });
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('the log writes one line of JSON with level, service, message and facts, and truncates a long fact', () => {
  const facts = { queue: 'feedback', receiveCount: 2, canary: true };
  const lines = written((log) => {
    log.info('delivery handled', { ...facts, reason: undefined });
    log.warn('careful', { reason: 'x'.repeat(100_000) });
    log.error('failed', { code: 'SQS.TimeoutError' });
  });

  expect(lines).toMatchObject([
    { level: 'INFO', service: 'my-instance', message: 'delivery handled', ...facts },
    { level: 'WARN', message: 'careful', reason: 'x'.repeat(512) },
    { level: 'ERROR', message: 'failed', code: 'SQS.TimeoutError' },
  ]);
  expect(lines[0]).not.toHaveProperty('reason');
});

test('the log drops unknown keys, errors and objects, and names what it dropped', () => {
  const lines = written((log) => {
    const error = Object.assign(new Error('planted'), { config: { headers: 'planted' } });
    const facts = { email: 'planted@example.com', reason: error, outcome: { body: 'planted' }, level: 'planted' };
    log.error('failed', { ...facts, queue: 'q' } as never);
    log.error('failed', error as never);
  });

  expect(JSON.stringify(lines)).not.toContain('planted');
  expect(lines).toMatchObject([
    { level: 'ERROR', queue: 'q', droppedFacts: 'email,reason,outcome,level' },
    { level: 'ERROR', droppedFacts: 'config' },
  ]);
});

/** An error whose message ends with a line that looks like a call. */
const personal = (of: ErrorConstructor) => new of('ada@example.com\n    at planted (/work/lib/planted.ts:1:1)');

test.each<[string, unknown, string | undefined]>([
  ['a bug', personal(TypeError), 'TypeError'],
  ['a bug with a name of its own', Object.assign(personal(Error), { name: 'Ada Lovelace' }), 'Error'],
  ['a bug whose stack is read before', ((error) => [error.stack, error][1])(personal(RangeError)), 'RangeError'],
  ['a thrown text', 'ada@example.com', 'string'],
  ['an error that the code expects', new PermanentError({ code: 'Rejected', message: 'planted' }), undefined],
  ['no error', undefined, undefined],
])('of %s the line has at most class and calls, and nothing of the message', (what, error, expected) => {
  const [line] = written((log) => log.error('failed', { code: 'Unexpected' }, error));

  expect(line?.error).toBe(expected);
  expect(JSON.stringify(line)).not.toMatch(/ada|Ada|planted/);
  if (what === 'a bug') expect(line?.frames).toMatch(/^tests\/unit\/platform\/log\.test\.ts:\d+:\d+ < /);
});

test('a bug in a bundle is at the file and line of its source, and Lambda, which logs what a function throws, gets no message', async () => {
  const outdir = mkdtempSync(join(tmpdir(), 'bundle-'));
  const contents = `import { realLog } from './lib/platform/log';
    const inner = (text: string) => {
      throw new TypeError(text);
    };
    try {
      inner('planted');
    } catch (error) {
      realLog({ service: 's', level: 'INFO' }).error('failed', {}, error);
      console.log(JSON.stringify({ stack: (error as Error).stack }));
    }`;
  const stdin = { contents, resolveDir: process.cwd(), sourcefile: 'sample.ts', loader: 'ts' as const };
  await build({
    stdin,
    outdir,
    bundle: true,
    minify: true,
    platform: 'node',
    sourcemap: 'external',
    logLevel: 'error',
  });

  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(outdir, 'stdin.js')]);

  rmSync(outdir, { recursive: true });
  const [line, thrown] = `${stderr}${stdout}`
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as object);
  expect(line).toMatchObject({ error: 'TypeError', frames: expect.stringMatching(/sample\.ts:3 < \S*sample\.ts:6/) });
  expect(thrown).toEqual({ stack: expect.not.stringContaining('planted') });
});

test('metrics are EMF lines under the namespace, with one line for each set of dimensions', () => {
  const lines = written((_log, metrics) => {
    metrics.add('JobsSucceeded', 1, 'Count', { queue: 'feedback' });
    metrics.add('JobsSucceeded', 1, 'Count', { queue: 'emails' });
    metrics.add('JobsSucceeded', 2, 'Count', { queue: 'feedback' });
    metrics.add('JobsHeld', 3, 'Count', { queue: 'feedback' });
    metrics.add('Held', 4, 'Count', { reason: 'paused', queue: 'feedback' });
    metrics.add('Held', 5, 'Count', { queue: 'feedback', reason: 'paused' });
  });

  const _aws = { CloudWatchMetrics: [{ Namespace: 'my-instance', Dimensions: [['queue']] }] };
  expect(lines).toMatchObject([
    { _aws, queue: 'feedback', JobsSucceeded: [1, 2], JobsHeld: 3 },
    { queue: 'emails', JobsSucceeded: 1 },
    { _aws: { CloudWatchMetrics: [{ Dimensions: [['queue', 'reason']] }] }, reason: 'paused', Held: [4, 5] },
  ]);
  expect(lines.every((line) => !('service' in line))).toBe(true);
});

// CloudWatch makes a metric for each set.
test.each<[Record<string, string>, string[]]>([
  [{}, []],
  [{ queue: 'q' }, ['queue']],
])('metrics with the dimensions %j have one set, also with more values than a line can hold', (given, set) => {
  const lines = written((_log, metrics) => {
    for (let n = 0; n < 101; n++) metrics.add('Runs', n, 'Count', given);
  });

  const one = { _aws: { CloudWatchMetrics: [{ Dimensions: [set] }] }, ...given };
  expect(lines).toMatchObject([one, { ...one, Runs: 100 }]);
});

test('metrics are written once, also with two units of one name, and a value that is no number is left out', () => {
  const lines = written((_log, metrics) => {
    metrics.add('A', Number.NaN, 'Count', { queue: 'q' });
    void metrics.flush();
    metrics.add('A', 1, 'Count', { queue: 'q' });
    metrics.add('A', 2, 'Bytes', { queue: 'q' });
    void metrics.flush();
    metrics.add('A', 3, 'Count', { queue: 'q' });
  });

  const set = { _aws: { CloudWatchMetrics: [{ Dimensions: [['queue']] }] }, queue: 'q' };
  expect(lines).toMatchObject([1, 2, 3].map((value) => ({ ...set, A: value })));
});
