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

test('a log line is shown by its message and facts, metrics and canaries are not', () => {
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

test('an invocation that ends well and says nothing is not shown', () => {
  expect(invocationLines(invocation({}))).toEqual([]);
});

test('one that does not end well is shown with how it ended', () => {
  const lines = invocationLines(invocation({ result: { kind: 'failed', reason: 'timeout' }, ms: 5000, cold: true }));

  expect(lines).toEqual(['feedback  ended by timeout after 5000 ms (cold start)']);
});
