import type { SendMessageRequest } from '@aws-sdk/client-sqs';
import type { SQSEvent } from 'aws-lambda';
import {
  createEventSourceMapping,
  type EventSourceMappingOptions,
  type MappingEvent,
} from '../../../packages/local/event-source-mapping';
import type { InvokeResult } from '../../../packages/local/lambda/runtime';
import { createSqsModel } from '../../../packages/local/sqs/model';
import { controlledClock } from '../../support/controlled-clock';

const answer = (value: unknown = { batchItemFailures: [] }): InvokeResult => ({ kind: 'answer', value });
const failed = (reason: 'error' | 'crash'): InvokeResult => ({ kind: 'failed', reason });

/** Resolves once all pending promises have run. */
const idle = () => new Promise<void>((resolve) => setImmediate(resolve));

const bodiesOf = (event: SQSEvent | undefined) => event?.Records.map(({ body }) => body);

type Given = Partial<EventSourceMappingOptions> & { queue?: 'jobs.fifo' | 'events' };

/** A queue, and a started mapping whose function answers as given. */
function given({ queue = 'jobs.fifo', ...options }: Given = {}) {
  const clock = controlledClock();
  let ids = 0;
  const uuid = () => `id-${++ids}`;
  const sqs = createSqsModel({ now: clock.now, uuid });
  const type = queue === 'jobs.fifo' ? { FifoQueue: 'true' } : undefined;
  sqs.createQueue({ QueueName: queue, Attributes: { ...type, VisibilityTimeout: '60' } });
  const invocations: SQSEvent[] = [];
  const trace: MappingEvent[] = [];
  const { invoke = async () => answer(), ...rest } = options;
  const mapping = createEventSourceMapping({
    ...{ sqs, queue, batchSize: 10, timers: clock },
    onEvent: (event) => trace.push(event),
    ...rest,
    invoke(event) {
      invocations.push(event);
      return invoke(event);
    },
  });
  mapping.start();

  return {
    clock,
    sqs,
    mapping,
    invocations,
    trace,
    send: (body: string, group = 'g1', more: Partial<SendMessageRequest> = {}) =>
      sqs.sendMessage({
        ...{ QueueUrl: queue, MessageBody: body, MessageGroupId: group, ...more },
        ...(type && { MessageDeduplicationId: body }),
      }),
    left: () => sqs.messages(queue).map(({ body }) => body),
    /** Lets time pass timer by timer, so that everything happens in order. */
    async pass(ms: number) {
      const end = clock.now() + ms;
      await idle();
      for (let at = clock.nextAt(); at !== undefined && at <= end; at = clock.nextAt()) {
        clock.advance(Math.max(0, at - clock.now()));
        await idle();
      }
      clock.advance(end - clock.now());
      await idle();
    },
  };
}

test('a function gets the records that Lambda makes', async () => {
  const { send, pass, invocations, clock } = given();
  const MessageAttributes = { kind: { DataType: 'String', StringValue: 'sample' } };
  const sent = send('m1', 'g1', { MessageAttributes });
  const now = String(clock.now());

  await pass(0);

  const attributes = {
    ...{ ApproximateReceiveCount: '1', SentTimestamp: now, ApproximateFirstReceiveTimestamp: now },
    ...{ SenderId: expect.any(String), SequenceNumber: sent.SequenceNumber },
    ...{ MessageGroupId: 'g1', MessageDeduplicationId: 'm1' },
  };
  const kind = { stringValue: 'sample', stringListValues: [], binaryListValues: [], dataType: 'String' };
  const record = {
    ...{ messageId: sent.MessageId, receiptHandle: expect.any(String), body: 'm1', attributes },
    ...{ messageAttributes: { kind }, md5OfBody: sent.MD5OfMessageBody, awsRegion: 'us-east-1' },
    ...{ eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:jobs.fifo' },
  };
  expect(invocations).toEqual([{ Records: [record] }]);
  // An idle queue has no timer.
  expect(clock.nextAt()).toBeUndefined();
});

test('an event can hold more than ten messages of a standard queue', async () => {
  const { send, pass, invocations } = given({ queue: 'events', batchSize: 25 });
  for (let n = 0; n < 30; n += 1) send(`m${n}`);

  await pass(0);

  expect(invocations.map(({ Records }) => Records.length)).toEqual([25, 5]);
});

const failure = (itemIdentifier: unknown) => ({ batchItemFailures: [{ itemIdentifier }] });

test.each<[string, value: unknown, result: MappingEvent['result'], left: string[]]>([
  ['has an empty list', { batchItemFailures: [] }, 'answer', []],
  ['is nothing', undefined, 'answer', []],
  ['names a failure', failure('id-2'), 'answer', ['m2']],
  ['is not an object', 'done', 'malformed', ['m1', 'm2', 'm3']],
  ['names a message that was not in the batch', failure('another-message'), 'malformed', ['m1', 'm2', 'm3']],
  ['misspells the key', { batchItemFailures: [{ itemIdentifer: 'id-1' }] }, 'malformed', ['m1', 'm2', 'm3']],
])('an answer that %s deletes the other messages, or none if malformed', async (_name, value, result, expected) => {
  const { send, pass, left, trace } = given({ invoke: async () => answer(value) });
  for (const body of ['m1', 'm2', 'm3']) send(body);

  await pass(0);

  expect(left()).toEqual(expected);
  expect(trace.find(({ kind }) => kind === 'ended')).toMatchObject({ result });
  expect(trace.filter(({ kind }) => kind === 'deleted')).toHaveLength(3 - expected.length);
});

test('a mapping cannot delete after the visibility timeout from a FIFO queue, so the message comes back', async () => {
  const { clock, send, pass, invocations, trace, left } = given({
    invoke: ({ Records }) =>
      Records[0]?.attributes.ApproximateReceiveCount === '1'
        ? new Promise((resolve) => clock.setTimeout(() => resolve(answer()), 61_000))
        : Promise.reject(new Error('no such function')),
  });
  send('m1');

  await pass(61_000);

  expect(trace).toContainEqual({ kind: 'delete-refused', messageIds: ['id-1'] });
  expect(trace).toContainEqual(expect.objectContaining({ kind: 'ended', result: 'error' }));
  expect([left(), invocations.length]).toEqual([['m1'], 2]);
});

test('a mapping receives no more messages at the maximum concurrency, and continues when an invocation makes room', async () => {
  const endings: ((result: InvokeResult) => void)[] = [];
  const { sqs, send, pass, invocations } = given({
    batchSize: 1,
    maximumConcurrency: 2,
    invoke: () => new Promise((resolve) => endings.push(resolve)),
  });
  for (const group of ['a', 'b', 'c']) send(`${group}1`, group);
  await pass(0);
  const before = invocations.map(bodiesOf);
  const waiting = sqs.messages('jobs.fifo').at(-1)?.receiveCount;

  endings[0]?.(failed('error'));
  await pass(0);

  expect([before, waiting]).toEqual([[['a1'], ['b1']], 0]);
  expect(invocations.map(bodiesOf)).toEqual([['a1'], ['b1'], ['c1']]);
});

test('a mapping stops once the running invocations have ended, and can start again', async () => {
  const endings: (() => void)[] = [];
  const { send, pass, mapping, invocations, left } = given({
    batchSize: 1,
    invoke: () => new Promise((resolve) => endings.push(() => resolve(answer()))),
  });
  send('m1');
  await pass(0);
  const stopped = mapping.stop();
  send('m2');
  endings[0]?.();
  await stopped;
  await pass(1_000);
  const whileStopped = [invocations.length, left()];

  mapping.start();
  await pass(0);

  expect(whileStopped).toEqual([1, ['m2']]);
  expect(invocations.map(bodiesOf)).toEqual([['m1'], ['m2']]);
});
