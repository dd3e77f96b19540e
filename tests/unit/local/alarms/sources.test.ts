import { createMetricStore } from '../../../../lib/alarms/judge/metric-store';
import { takeInvocation, takeLogLine, takeQueue } from '../../../../lib/local/alarms/sources';
import { createSqsModel } from '../../../../lib/local/sqs/model';
import { memoryClock, memoryRandom } from '../../../support/memory-clock';

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);
const window = { from: AT, to: AT + 1 };
const emf = (values: object) =>
  JSON.stringify({
    _aws: {
      Timestamp: AT,
      CloudWatchMetrics: [{ Namespace: 'my', Dimensions: [['queue']], Metrics: [{ Name: 'A' }, { Name: 'B' }] }],
    },
    queue: 'q',
    ...values,
  });

test('a line of metrics is stored under its dimensions, with single values and lists', () => {
  const store = createMetricStore();
  takeLogLine(store, emf({ A: 1, B: [2, 3] }));
  const read = (name: string, queue = 'q') =>
    store.read({ namespace: 'my', name, dimensions: { queue } }, 'Sum', window);

  expect([read('A'), read('B'), read('A', 'other')]).toEqual([1, 5, undefined]);
});

test.each(['a word about "_aws"', '{"message":"x"}', '{"_aws":{}}', ''])(
  '%p is ignored, because it is not a line of metrics',
  (line) => {
    expect(() => takeLogLine(createMetricStore(), line)).not.toThrow();
  },
);

test('an invocation is measured with its errors, and with its duration unless it was cold', () => {
  const store = createMetricStore();
  const at = { functionName: 'my-q', now: AT };
  takeInvocation(store, { result: { kind: 'answer', value: null }, ms: 900, cold: true, log: [] }, at);
  takeInvocation(store, { result: { kind: 'answer', value: null }, ms: 20, cold: false, log: [emf({ A: 7 })] }, at);
  takeInvocation(store, { result: { kind: 'failed', reason: 'crash' }, ms: 30, cold: false, log: [] }, at);
  const read = (name: string, statistic: string) =>
    store.read({ namespace: 'AWS/Lambda', name, dimensions: { FunctionName: 'my-q' } }, statistic, window);

  expect([read('Duration', 'Maximum'), read('Errors', 'Sum')]).toEqual([30, 1]);
  expect(store.read({ namespace: 'my', name: 'A', dimensions: { queue: 'q' } }, 'Sum', window)).toBe(7);
});

test('a queue is measured by its visible messages, those in flight and the oldest message', () => {
  const clock = memoryClock(AT - 10_000);
  const model = createSqsModel({ now: clock.now, uuid: memoryRandom().uuid, region: 'r', account: '1' });
  model.createQueue({ QueueName: 'q' });
  for (const MessageBody of ['a', 'b', 'c']) model.sendMessage({ QueueUrl: 'q', MessageBody });
  model.receiveMessage({ QueueUrl: 'q', MaxNumberOfMessages: 1 });
  clock.advance(10_000);
  const store = createMetricStore();

  takeQueue(store, model, { queue: 'q', now: AT });

  const read = (name: string) =>
    store.read({ namespace: 'AWS/SQS', name, dimensions: { QueueName: 'q' } }, 'Maximum', window);
  expect(read('ApproximateNumberOfMessagesVisible')).toBe(2);
  expect(read('ApproximateNumberOfMessagesNotVisible')).toBe(1);
  expect(read('ApproximateAgeOfOldestMessage')).toBe(10);
});
