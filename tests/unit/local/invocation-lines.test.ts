import { invocationLines } from '../../../lib/local/invocation-lines';
import type { Invocation } from '../../../lib/local/lambda/environment';

const invocation = (over: Partial<Invocation>): Invocation => ({
  requestId: 'r-1',
  function: 'feedback',
  result: { kind: 'answer', value: null },
  ms: 12,
  cold: false,
  log: [],
  ...over,
});

test('a log line shows its message and facts, and metrics and canaries are left out', () => {
  const log = [
    '{"level":"INFO","message":"delivery handled","service":"example","queue":"feedback","outcome":"succeeded","ms":5}',
    '{"_aws":{"Timestamp":1},"queue":"feedback","JobsSucceeded":1}',
    'plain text',
    '{"level":"INFO","message":"delivery handled","canary":true,"outcome":"succeeded"}',
  ];

  expect(invocationLines(invocation({ log }))).toEqual([
    'feedback  delivery handled  outcome=succeeded ms=5',
    'feedback  plain text',
  ]);
});

test('a successful invocation without a log shows nothing', () => {
  expect(invocationLines(invocation({}))).toEqual([]);
});

test('a failed invocation shows the reason', () => {
  const lines = invocationLines(invocation({ result: { kind: 'failed', reason: 'timeout' }, ms: 5000, cold: true }));

  expect(lines).toEqual(['feedback  failed (timeout) after 5000 ms (cold start)']);
});
