import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { conformance } from '../support/sqs-conformance';

conformance('A standard queue', (check) => {
  check('hands out messages whatever else is in flight', async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue);
    await sqs.send(queue, 'm2');

    expect(await sqs.bodies(queue)).toEqual(['m2']);
  });

  check('takes a message group without ordering by it', async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1', { MessageGroupId: 'tenant' });
    await sqs.receiveOne(queue);
    await sqs.send(queue, 'm2', { MessageGroupId: 'tenant' });

    const [message] = await sqs.receive(queue);

    expect([message?.Body, message?.Attributes?.MessageGroupId]).toEqual(['m2', 'tenant']);
  });

  check('refuses a deduplication id', async (sqs) => {
    const queue = await sqs.standard();

    const sent = sqs.send(queue, 'm1', { MessageDeduplicationId: 'd' });

    await expect(sent).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });

  check('delays a message as the message says', { seconds: 6 }, async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1', { DelaySeconds: 5 });
    const early = await sqs.bodies(queue);

    await sqs.pass(6);

    expect([early, await sqs.bodies(queue)]).toEqual([[], ['m1']]);
  });

  check('deletes by the latest receipt handle even after its visibility', { seconds: 5 }, async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);
    await sqs.pass(3);

    await sqs.remove(queue, message);

    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('answers a delete by an older receipt handle with success', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    const stale = await sqs.receiveOne(queue);
    await sqs.pass(3);
    await sqs.receiveOne(queue);

    await expect(sqs.remove(queue, stale)).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });

  check('takes a change of visibility after the visibility has ended', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);

    await sqs.pass(3);

    await expect(sqs.hide(queue, message, 2)).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });

  check('refuses to change the visibility of a deleted message', async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);
    await sqs.remove(queue, message);

    await expect(sqs.hide(queue, message, 10)).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('Message does not exist or is not available for visibility timeout change'),
    });
  });
});

conformance('A delivery', (check) => {
  check('carries what was sent, its digests and its system attributes', async (sqs) => {
    const queue = await sqs.fifo();
    const sent = await sqs.send(queue, 'm1', {
      MessageAttributes: {
        kind: { DataType: 'String', StringValue: 'sample' },
        blob: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2, 3) },
        size: { DataType: 'Number.int', StringValue: '7' },
      },
    });

    const message = await sqs.receiveOne(queue);

    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'm1',
      MD5OfBody: sent.MD5OfMessageBody,
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      MessageAttributes: {
        kind: { DataType: 'String', StringValue: 'sample' },
        blob: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2, 3) },
        size: { DataType: 'Number.int', StringValue: '7' },
      },
      Attributes: {
        ApproximateReceiveCount: '1',
        MessageGroupId: 'g1',
        MessageDeduplicationId: 'm1',
        SenderId: expect.any(String),
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
        ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
      },
    });
  });

  check('has the digest of attributes that AWS has recorded for these', async (sqs) => {
    const queue = await sqs.standard();
    const text = (StringValue: string) => ({ DataType: 'String', StringValue });

    const sent = await sqs.send(queue, 'msg', {
      MessageAttributes: { Hello: text('There'), General: text('Kenobi'), 'Help.Me': text('Me') },
    });

    expect(sent.MD5OfMessageAttributes).toBe('4c360f3fdafd970e05fae2f149d997f5');
  });

  check('carries the attributes that were asked for, by name, by prefix or not at all', async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '0' });
    const text = (StringValue: string) => ({ DataType: 'String', StringValue });
    await sqs.send(queue, 'm1', {
      MessageAttributes: { Hello: text('a'), 'Help.Me': text('b'), General: text('c') },
    });

    const named = await sqs.receiveOne(queue, { MessageAttributeNames: ['Hello', 'Nothing'] });
    const prefixed = await sqs.receiveOne(queue, { MessageAttributeNames: ['Hel.*'] });
    const none = await sqs.receiveOne(queue, { MessageAttributeNames: [], MessageSystemAttributeNames: [] });

    expect(Object.keys(named.MessageAttributes ?? {})).toEqual(['Hello']);
    expect(Object.keys(prefixed.MessageAttributes ?? {}).sort()).toEqual(['Hello', 'Help.Me']);
    expect([none.MessageAttributes, none.Attributes, none.MD5OfMessageAttributes]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  check('counts, and keeps the time of the first', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    const first = await sqs.receiveOne(queue);

    await sqs.pass(3);
    const second = await sqs.receiveOne(queue);

    expect(second.Attributes?.ApproximateReceiveCount).toBe('2');
    expect(second.Attributes?.ApproximateFirstReceiveTimestamp).toBe(
      first.Attributes?.ApproximateFirstReceiveTimestamp,
    );
    expect(second.ReceiptHandle).not.toBe(first.ReceiptHandle);
  });

  check('can ask for a visibility of its own', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '600' });
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue, { VisibilityTimeout: 2 });

    await sqs.pass(3);

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('never happens after the retention, nor is the message dead-lettered', { seconds: 61 }, async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 1, { MessageRetentionPeriod: '60' });
    await sqs.send(queue, 'm1');

    await sqs.pass(61);

    expect([await sqs.bodies(queue), await sqs.bodies(dlq)]).toEqual([[], []]);
  });
});

conformance('A long poll', (check) => {
  check('is answered as soon as a message arrives', async (sqs) => {
    const queue = await sqs.fifo();
    const poll = sqs.bodies(queue, { WaitTimeSeconds: 20 });

    await sqs.send(queue, 'm1');

    expect(await poll).toEqual(['m1']);
  });

  check('is answered when a visibility ends', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue);
    const poll = sqs.bodies(queue, { WaitTimeSeconds: 20 });

    await sqs.passWhileWaiting(3);

    expect(await poll).toEqual(['m1']);
  });

  check('ends empty when its time is over', { seconds: 1 }, async (sqs) => {
    const queue = await sqs.standard();
    const poll = sqs.bodies(queue, { WaitTimeSeconds: 1 });

    await sqs.passWhileWaiting(1);

    expect(await poll).toEqual([]);
  });

  check('is what the queue says where the request says nothing', async (sqs) => {
    const queue = await sqs.standard({ ReceiveMessageWaitTimeSeconds: '10' });
    const poll = sqs.bodies(queue, { WaitTimeSeconds: undefined });

    await sqs.send(queue, 'm1');

    expect(await poll).toEqual(['m1']);
  });
});

conformance('The counts of a queue', (check) => {
  check('tell visible, in flight and delayed messages apart', async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'in flight');
    await sqs.receiveOne(queue);
    await sqs.send(queue, 'visible');
    await sqs.send(queue, 'visible too');
    await sqs.send(queue, 'delayed', { DelaySeconds: 600 });

    const { Attributes } = await sqs.client.send(
      new GetQueueAttributesCommand({
        QueueUrl: queue.url,
        AttributeNames: [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
        ],
      }),
    );

    expect(Attributes).toEqual({
      ApproximateNumberOfMessages: '2',
      ApproximateNumberOfMessagesNotVisible: '1',
      ApproximateNumberOfMessagesDelayed: '1',
    });
  });

  check('call a message visible that waits behind one of its group', async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    await sqs.send(queue, 'm2');
    await sqs.receiveOne(queue);

    const counts = await sqs.attributesOf(
      queue,
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
    );

    expect(counts).toEqual({ ApproximateNumberOfMessages: '1', ApproximateNumberOfMessagesNotVisible: '1' });
  });
});
