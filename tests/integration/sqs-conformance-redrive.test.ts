import { INVALID, lasting, refusal, sqsForChecks, type TestQueue } from '../support/sqs-conformance';

const sqs = sqsForChecks();

/** Receives without deleting until the queue is empty, because SQS has then moved the message. */
async function exhaust(queue: TestQueue, receives: number): Promise<void> {
  for (let n = 0; n <= receives; n += 1) await sqs.receive(queue, { VisibilityTimeout: 0 });
}

describe('The redrive policy of a FIFO queue', () => {
  test('delivers a message maxReceiveCount times and moves it at the next receive', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 2);
    await sqs.send(queue, 'm1');
    const deliveries = [];
    for (let n = 0; n < 3; n += 1) deliveries.push(await sqs.bodies(queue, { VisibilityTimeout: 0 }));

    expect([...deliveries, await sqs.bodies(dlq)]).toEqual(['m1', 'm1', '', 'm1']);
  });

  lasting(3)('moves nothing without a receive', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1, { VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue);
    await sqs.pass(3);

    expect(await sqs.bodies(dlq)).toBe('');
  });

  test('returns the next message of the group in the receive that moves the first', async () => {
    const { queue } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue, { VisibilityTimeout: 0 });
    await sqs.send(queue, 'm2');

    expect(await sqs.bodies(queue)).toBe('m2');
  });

  test('counts a receive for every message of a batch, even for one that no worker tried', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    for (const body of ['m1', 'm2', 'm3']) await sqs.send(queue, body);
    await exhaust(queue, 1);

    expect(await sqs.bodies(dlq)).toBe('m1 m2 m3');
  });

  test('keeps id, group, body and attributes, names the source, and deduplicates by the message id', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'sample' } };
    const { MessageId } = await sqs.send(queue, 'm1', { MessageGroupId: 'g7', MessageAttributes });
    await exhaust(queue, 1);

    expect(await sqs.receiveOne(dlq)).toMatchObject({
      ...{ MessageId, Body: 'm1', MessageAttributes },
      Attributes: { MessageGroupId: 'g7', DeadLetterQueueSourceArn: queue.arn, MessageDeduplicationId: MessageId },
    });
  });
});

describe('A dead letter', () => {
  for (const [type, keeps, left] of [
    ['fifo', 'gets a new time of sending in a FIFO queue, and therefore its whole retention', 'm1'],
    ['standard', 'keeps its time of sending in a standard queue, so its retention continues', ''],
  ] as const)
    lasting(62)(keeps, async () => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs[type], 1, { MessageRetentionPeriod: '86400' });
      await sqs.set(dlq, { MessageRetentionPeriod: '60' });
      await sqs.send(queue, 'm1');
      await sqs.pass(31);
      await exhaust(queue, 1);
      await sqs.pass(31);

      expect(await sqs.bodies(dlq)).toBe(left);
    });

  test('of a standard queue keeps its message id and the reported receive count', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 2);
    const { MessageId } = await sqs.send(queue, 'm1');
    await exhaust(queue, 2);

    expect(await sqs.receiveOne(dlq)).toMatchObject({ MessageId, Attributes: { ApproximateReceiveCount: '3' } });
  });
});

const start = (from: TestQueue, to?: string, MaxNumberOfMessagesPerSecond?: number) =>
  sqs.client().startMessageMoveTask({ SourceArn: from.arn, DestinationArn: to, MaxNumberOfMessagesPerSecond });

/** The newest task of a DLQ. */
const taskOf = async (of: TestQueue) => (await sqs.client().listMessageMoveTasks({ SourceArn: of.arn })).Results?.[0];

/** A DLQ with a message that a client sent to it. */
async function withEntry() {
  const pair = await sqs.withDeadLetterQueue(sqs.fifo, 1);
  await sqs.send(pair.dlq, 'm1');
  return pair;
}

/** A DLQ of a standard queue with six dead letters. */
async function withDeadLetters() {
  const pair = await sqs.withDeadLetterQueue(sqs.standard, 1);
  for (const n of [1, 2, 3, 4, 5, 6]) await sqs.send(pair.queue, `m${n}`);
  await exhaust(pair.queue, 1);
  return pair;
}

describe('A message move task', () => {
  test('moves messages back to their source queue under a new message id', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    const sent = await sqs.send(queue, 'm1');
    await exhaust(queue, 1);
    await start(dlq);

    const { MessageId, ...moved } = await sqs.receiveOne(queue, { WaitTimeSeconds: 20 });
    expect(moved).toMatchObject({ Body: 'm1', Attributes: { ApproximateReceiveCount: '1', MessageGroupId: 'g1' } });
    expect(moved.Attributes).not.toHaveProperty('DeadLetterQueueSourceArn');
    expect(MessageId).not.toBe(sent.MessageId);
    const { TaskHandle, DestinationArn, ...done } = (await taskOf(dlq)) ?? {};
    expect([TaskHandle, DestinationArn]).toEqual([undefined, undefined]);
    expect(done).toMatchObject({ Status: 'COMPLETED', SourceArn: dlq.arn, ApproximateNumberOfMessagesMoved: 1 });
  });

  lasting(5)('fails at a message that a client sent to the dead-letter queue, and leaves it', async () => {
    const { dlq } = await withEntry();
    await start(dlq);
    await sqs.pass(5);

    const failed = { Status: 'FAILED', FailureReason: 'CouldNotDetermineMessageSource' };
    expect(await taskOf(dlq)).toMatchObject(failed);
    expect(await sqs.bodies(dlq)).toBe('m1');
  });

  test('moves such a message to a given destination', async () => {
    const { queue, dlq } = await withEntry();
    await start(dlq, queue.arn);

    expect(await sqs.bodies(queue, { WaitTimeSeconds: 20 })).toBe('m1');
  });

  test('needs a source that is a dead-letter queue, and a destination that exists', async () => {
    const { queue, dlq } = await withEntry();
    const noSource = refusal(INVALID, 'Source queue must be configured as a Dead Letter Queue.');

    await expect(start(queue)).rejects.toMatchObject(noSource);
    await expect(start(dlq, `${queue.arn}x`)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });

  lasting(2)('moves at a given rate until it is cancelled, and is the only one of its queue meanwhile', async () => {
    const { dlq } = await withDeadLetters();
    const { TaskHandle } = await start(dlq, undefined, 1);
    await sqs.pass(2);
    const second = refusal(INVALID, expect.stringContaining('There is already a task running.'));

    await expect(start(dlq)).rejects.toMatchObject(second);
    expect(await taskOf(dlq)).toMatchObject({ Status: 'RUNNING', MaxNumberOfMessagesPerSecond: 1, TaskHandle });
    await sqs.client().cancelMessageMoveTask({ TaskHandle });
    const { Status, ApproximateNumberOfMessagesMoved: moved } = (await taskOf(dlq)) ?? {};
    expect(Status).toMatch(/^CANCELL(ED|ING)$/);
    expect(moved).toBeLessThan(6);
    const none = { name: 'ResourceNotFoundException' };
    await expect(sqs.client().cancelMessageMoveTask({ TaskHandle })).rejects.toMatchObject(none);
  });
});

describe('A purge', () => {
  test('deletes what a queue has, forgets its deduplication ids, and waits a minute for the next', async () => {
    const queue = await sqs.fifo();
    const purge = () => sqs.client().purgeQueue({ QueueUrl: queue.url });
    for (const body of ['m1', 'm2']) await sqs.send(queue, body);
    await sqs.receive(queue, { MaxNumberOfMessages: 1, VisibilityTimeout: 0 });
    await purge();
    const left = await sqs.bodies(queue);

    await expect(purge()).rejects.toMatchObject({ name: 'PurgeQueueInProgress' });
    const again = await sqs.send(queue, 'm1');
    expect([left, (await sqs.receiveOne(queue, { WaitTimeSeconds: 20 })).MessageId]).toEqual(['', again.MessageId]);
  });

  lasting(61)('is allowed again after a minute', async () => {
    const { url: QueueUrl } = await sqs.standard();
    await sqs.client().purgeQueue({ QueueUrl });
    await sqs.pass(61);

    await expect(sqs.client().purgeQueue({ QueueUrl })).resolves.toBeDefined();
  });
});

test('The sources of a dead-letter queue are the queues whose redrive policy names it', async () => {
  const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 3);
  const sources = async ({ url }: TestQueue) =>
    (await sqs.client().listDeadLetterSourceQueues({ QueueUrl: url })).queueUrls;

  expect([await sources(dlq), await sources(queue)]).toEqual([[queue.url], []]);
});
