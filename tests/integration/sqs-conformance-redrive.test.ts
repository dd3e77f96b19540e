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

  check('keeps message id, group, body and attributes, and names the source', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    const MessageAttributes = { kind: { DataType: 'String', StringValue: 'sample' } };
    const sent = await sqs.send(queue, 'm1', { MessageGroupId: 'g7', MessageAttributes });
    await exhaust(sqs, queue, 1);

    const dead = await sqs.receiveOne(dlq);

    expect(dead).toMatchObject({ MessageId: sent.MessageId, Body: 'm1', MessageAttributes });
    expect(dead.Attributes).toMatchObject({ MessageGroupId: 'g7', DeadLetterQueueSourceArn: queue.arn });
  });

  check('replaces the deduplication id with the message id', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
    const sent = await sqs.send(queue, 'm1', { MessageDeduplicationId: 'mine' });
    await exhaust(sqs, queue, 1);

    const dead = await sqs.receiveOne(dlq);

    expect(dead.Attributes?.MessageDeduplicationId).toBe(sent.MessageId);
  });

  check('restarts the time of sending and therefore the retention', { seconds: 110 }, async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1, { MessageRetentionPeriod: '86400' });
    await sqs.client.send(
      new SetQueueAttributesCommand({ QueueUrl: dlq.url, Attributes: { MessageRetentionPeriod: '60' } }),
    );
    await sqs.send(queue, 'm1');
    await sqs.pass(55);
    await exhaust(sqs, queue, 1);

    await sqs.pass(55);

    expect(await sqs.bodies(dlq)).toEqual(['m1']);
  });

  check(
    'lets a receive from the dead-letter queue return at most ten messages of a group until those are deleted',
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);
      for (let n = 1; n <= 12; n += 1) await sqs.send(queue, `m${n}`);
      await sqs.receive(queue, { VisibilityTimeout: 0 });
      await sqs.receive(queue, { VisibilityTimeout: 0 });
      await sqs.receive(queue, { VisibilityTimeout: 0 });

      const shown = [(await sqs.receive(dlq)).length, (await sqs.receive(dlq)).length];

      expect(shown).toEqual([10, 0]);
    },
  );

  check('needs a dead-letter queue of the same type', async (sqs) => {
    const dlq = await sqs.standard();

    const created = sqs.fifo({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount: 3 }) });

    await expect(created).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  check('needs a dead-letter queue that exists', async (sqs) => {
    const { arn } = await sqs.fifo();

    const created = sqs.fifo({
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn.replace('conformance', 'missing'), maxReceiveCount: 3 }),
    });

    await expect(created).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });
});

conformance('The redrive policy of a standard queue', (check) => {
  check('keeps the time of sending, so the retention continues', { seconds: 62 }, async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 1, { MessageRetentionPeriod: '86400' });
    await sqs.client.send(
      new SetQueueAttributesCommand({ QueueUrl: dlq.url, Attributes: { MessageRetentionPeriod: '60' } }),
    );
    await sqs.send(queue, 'm1');
    await sqs.pass(31);
    await exhaust(sqs, queue, 1);

    await sqs.pass(31);

    expect(await sqs.bodies(dlq)).toEqual([]);
  });

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

  check('needs a source that is a dead-letter queue', async (sqs) => {
    const queue = await sqs.fifo();

    await expect(start(sqs, queue)).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: 'Source queue must be configured as a Dead Letter Queue.',
    });
  });

  check('needs a destination that exists', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 1);

    const started = start(sqs, dlq, { DestinationArn: queue.arn.replace('conformance', 'missing') });

    await expect(started).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});
