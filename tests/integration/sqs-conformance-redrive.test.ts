import {
  SetQueueAttributesCommand,
  StartMessageMoveTaskCommand,
  type StartMessageMoveTaskCommandInput,
} from '@aws-sdk/client-sqs';
import { conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

/** Receives without deleting until the queue is empty, because SQS has then moved the message. */
async function exhaust(sqs: Sqs, queue: TestQueue, receives: number): Promise<void> {
  for (let n = 0; n <= receives; n += 1) await sqs.receive(queue, { VisibilityTimeout: 0 });
}

const start = (sqs: Sqs, from: TestQueue, options: Partial<StartMessageMoveTaskCommandInput> = {}) =>
  sqs.client.send(new StartMessageMoveTaskCommand({ SourceArn: from.arn, ...options }));

conformance('The redrive policy of a FIFO queue', (check) => {
  check('delivers a message maxReceiveCount times and moves it at the next receive', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 2);
    await sqs.send(queue, 'm1');

    const deliveries = [];
    for (let n = 0; n < 3; n += 1) deliveries.push(await sqs.bodies(queue, { VisibilityTimeout: 0 }));

    expect(deliveries).toEqual([['m1'], ['m1'], []]);
    expect(await sqs.bodies(dlq)).toEqual(['m1']);
  });

  check('moves nothing without a receive', { seconds: 3 }, async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1, { VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue);

    await sqs.pass(3);

    expect(await sqs.bodies(dlq)).toEqual([]);
  });

  check('returns the next message of the group in the receive that moves the first', async (sqs) => {
    const { queue } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue, { VisibilityTimeout: 0 });
    await sqs.send(queue, 'm2');

    expect(await sqs.bodies(queue)).toEqual(['m2']);
  });

  check('counts a receive for every message of a batch, even for one that no worker tried', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    for (const body of ['m1', 'm2', 'm3']) await sqs.send(queue, body);

    await sqs.receive(queue, { VisibilityTimeout: 0 });
    await sqs.receive(queue);

    expect(await sqs.bodies(dlq)).toEqual(['m1', 'm2', 'm3']);
  });

  check(
    'keeps message id, group, body and attributes, names the source, and deduplicates by the message id',
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
      const MessageAttributes = { kind: { DataType: 'String', StringValue: 'sample' } };
      const sent = await sqs.send(queue, 'm1', { MessageGroupId: 'g7', MessageAttributes });
      await exhaust(sqs, queue, 1);

      const dead = await sqs.receiveOne(dlq);

      expect(dead).toMatchObject({ MessageId: sent.MessageId, Body: 'm1', MessageAttributes });
      expect(dead.Attributes).toMatchObject({ MessageGroupId: 'g7', DeadLetterQueueSourceArn: queue.arn });
      expect(dead.Attributes?.MessageDeduplicationId).toBe(sent.MessageId);
    },
  );
});

conformance('The time of sending of a dead letter', (check) => {
  for (const [sentence, type, left] of [
    ['begins again in a FIFO queue, and therefore its retention', 'fifo', ['m1']],
    ['stays in a standard queue, so its retention continues', 'standard', []],
  ] as const)
    check(sentence, { seconds: 62 }, async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs[type], 1, { MessageRetentionPeriod: '86400' });
      const Attributes = { MessageRetentionPeriod: '60' };
      await sqs.client.send(new SetQueueAttributesCommand({ QueueUrl: dlq.url, Attributes }));
      await sqs.send(queue, 'm1');
      await sqs.pass(31);
      await exhaust(sqs, queue, 1);

      await sqs.pass(31);

      expect(await sqs.bodies(dlq)).toEqual(left);
    });
});

conformance('The redrive policy of a standard queue', (check) => {
  check('keeps the message id and the reported receive count', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 2);
    const sent = await sqs.send(queue, 'm1');
    await exhaust(sqs, queue, 2);

    const dead = await sqs.receiveOne(dlq);

    expect([dead.MessageId, dead.Attributes?.ApproximateReceiveCount]).toEqual([sent.MessageId, '3']);
  });
});

conformance('A message move task', (check) => {
  check('moves messages back to their source queue under a new message id', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    const sent = await sqs.send(queue, 'm1');
    await exhaust(sqs, queue, 1);

    await start(sqs, dlq);
    const back = await sqs.receiveOne(queue, { WaitTimeSeconds: 20 });

    expect(back.Body).toBe('m1');
    expect(back.MessageId).not.toBe(sent.MessageId);
    expect(back.Attributes).toMatchObject({ ApproximateReceiveCount: '1', MessageGroupId: 'g1' });
    expect(back.Attributes?.DeadLetterQueueSourceArn).toBeUndefined();
  });

  check('leaves a message that a client sent to the dead-letter queue', { seconds: 5 }, async (sqs) => {
    const { dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    await sqs.send(dlq, 'm1');

    await start(sqs, dlq);
    await sqs.pass(5);

    expect(await sqs.bodies(dlq)).toEqual(['m1']);
  });

  check('moves such a message to a given destination', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    await sqs.send(dlq, 'm1');

    await start(sqs, dlq, { DestinationArn: queue.arn });

    expect(await sqs.bodies(queue, { WaitTimeSeconds: 20 })).toEqual(['m1']);
  });

  check('needs a source that is a dead-letter queue, and a destination that exists', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);

    await expect(start(sqs, queue)).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: 'Source queue must be configured as a Dead Letter Queue.',
    });
    await expect(start(sqs, dlq, { DestinationArn: `${queue.arn}x` })).rejects.toMatchObject({
      name: 'ResourceNotFoundException',
    });
  });
});
