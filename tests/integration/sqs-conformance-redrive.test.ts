import { StartMessageMoveTaskCommand, type StartMessageMoveTaskCommandInput } from '@aws-sdk/client-sqs';
import { type Checks, conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

/** Receives without deleting until the queue is empty, because SQS has then moved the message. */
async function exhaust(sqs: Sqs, queue: TestQueue, receives: number): Promise<void> {
  for (let n = 0; n <= receives; n += 1) await sqs.receive(queue, { VisibilityTimeout: 0 });
}

const start = (sqs: Sqs, from: TestQueue, options: Partial<StartMessageMoveTaskCommandInput> = {}) =>
  sqs.client.send(new StartMessageMoveTaskCommand({ SourceArn: from.arn, ...options }));

conformance('The redrive policy of a FIFO queue', {
  'delivers a message maxReceiveCount times and moves it at the next receive': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 2);
      await sqs.send(queue, 'm1');
      const deliveries = [];
      for (let n = 0; n < 3; n += 1) deliveries.push(await sqs.bodies(queue, { VisibilityTimeout: 0 }));
      return [...deliveries, await sqs.bodies(dlq)];
    },
    ['m1', 'm1', '', 'm1'],
  ],
  'moves nothing without a receive': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1, { VisibilityTimeout: '2' });
      await sqs.send(queue, 'm1');
      await sqs.receiveOne(queue);
      await sqs.pass(3);
      return sqs.bodies(dlq);
    },
    '',
    3,
  ],
  'returns the next message of the group in the receive that moves the first': [
    async (sqs) => {
      const { queue } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
      await sqs.send(queue, 'm1');
      await sqs.receiveOne(queue, { VisibilityTimeout: 0 });
      await sqs.send(queue, 'm2');
      return sqs.bodies(queue);
    },
    'm2',
  ],
  'counts a receive for every message of a batch, even for one that no worker tried': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
      for (const body of ['m1', 'm2', 'm3']) await sqs.send(queue, body);
      await exhaust(sqs, queue, 1);
      return sqs.bodies(dlq);
    },
    'm1 m2 m3',
  ],
  'keeps message id, group, body and attributes, names the source, and deduplicates by the message id': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
      const MessageAttributes = { kind: { DataType: 'String', StringValue: 'sample' } };
      const sent = await sqs.send(queue, 'm1', { MessageGroupId: 'g7', MessageAttributes });
      await exhaust(sqs, queue, 1);
      const { MessageId, Attributes = {}, ...dead } = await sqs.receiveOne(dlq);
      const { MessageGroupId, DeadLetterQueueSourceArn: source, MessageDeduplicationId: id } = Attributes;
      const same = [MessageId === sent.MessageId, source === queue.arn, id === sent.MessageId];
      return { ...dead, MessageGroupId, same };
    },
    {
      Body: 'm1',
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'sample' } },
      MessageGroupId: 'g7',
      same: [true, true, true],
    },
  ],
});

/** A dead letter that is moved 31 s after it was sent, to a DLQ with a retention of 60 s, and read 31 s later. */
const retained =
  (type: 'fifo' | 'standard'): Checks[string][0] =>
  async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs[type], 1, { MessageRetentionPeriod: '86400' });
    await sqs.set(dlq, { MessageRetentionPeriod: '60' });
    await sqs.send(queue, 'm1');
    await sqs.pass(31);
    await exhaust(sqs, queue, 1);
    await sqs.pass(31);
    return sqs.bodies(dlq);
  };

conformance('A dead letter', {
  'gets a new time of sending in a FIFO queue, and therefore its whole retention': [retained('fifo'), 'm1', 62],
  'keeps its time of sending in a standard queue, so its retention continues': [retained('standard'), '', 62],
  'of a standard queue keeps its message id and the reported receive count': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 2);
      const sent = await sqs.send(queue, 'm1');
      await exhaust(sqs, queue, 2);
      const dead = await sqs.receiveOne(dlq);
      return [dead.MessageId === sent.MessageId, dead.Attributes?.ApproximateReceiveCount];
    },
    [true, '3'],
  ],
});

/** A DLQ with a message that a client sent to it. */
async function withEntry(sqs: Sqs) {
  const pair = await sqs.withDeadLetterQueue(sqs.fifo, 1);
  await sqs.send(pair.dlq, 'm1');
  return pair;
}

conformance('A message move task', {
  'moves messages back to their source queue under a new message id': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
      const sent = await sqs.send(queue, 'm1');
      await exhaust(sqs, queue, 1);
      await start(sqs, dlq);
      const { MessageId, Body, Attributes = {} } = await sqs.receiveOne(queue, { WaitTimeSeconds: 20 });
      const { ApproximateReceiveCount, MessageGroupId, DeadLetterQueueSourceArn } = Attributes;
      return [Body, MessageId === sent.MessageId, ApproximateReceiveCount, MessageGroupId, DeadLetterQueueSourceArn];
    },
    ['m1', false, '1', 'g1', undefined],
  ],
  'leaves a message that a client sent to the dead-letter queue': [
    async (sqs) => {
      const { dlq } = await withEntry(sqs);
      await start(sqs, dlq);
      await sqs.pass(5);
      return sqs.bodies(dlq);
    },
    'm1',
    5,
  ],
  'moves such a message to a given destination': [
    async (sqs) => {
      const { queue, dlq } = await withEntry(sqs);
      await start(sqs, dlq, { DestinationArn: queue.arn });
      return sqs.bodies(queue, { WaitTimeSeconds: 20 });
    },
    'm1',
  ],
  'needs a source that is a dead-letter queue': [
    async (sqs) => start(sqs, (await withEntry(sqs)).queue),
    { name: 'InvalidParameterValue', message: 'Source queue must be configured as a Dead Letter Queue.' },
  ],
  'needs a destination that exists': [
    async (sqs) => {
      const { queue, dlq } = await withEntry(sqs);
      return start(sqs, dlq, { DestinationArn: `${queue.arn}x` });
    },
    { name: 'ResourceNotFoundException' },
  ],
});
