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
