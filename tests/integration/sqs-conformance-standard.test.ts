import { conformance } from '../support/sqs-conformance';

conformance('A standard queue', (check) => {
  check('accepts a message group but does not order by it', async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1', { MessageGroupId: 'tenant' });
    await sqs.receiveOne(queue);
    await sqs.send(queue, 'm2', { MessageGroupId: 'tenant' });

    const [message] = await sqs.receive(queue);

    expect([message?.Body, message?.Attributes?.MessageGroupId]).toEqual(['m2', 'tenant']);
  });

  check('delays a message by its own delay', { seconds: 6 }, async (sqs) => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1', { DelaySeconds: 5 });
    const early = await sqs.bodies(queue);

    await sqs.pass(6);

    expect([early, await sqs.bodies(queue)]).toEqual([[], ['m1']]);
  });

  check('deletes by an older receipt handle too', { seconds: 3 }, async (sqs) => {
    const { queue, older } = await sqs.timedOut(sqs.standard);
    const newer = await sqs.receiveOne(queue);

    await sqs.remove(queue, older);
    await sqs.pass(3);

    expect(newer.MessageId).toBe(older.MessageId);
    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('changes the visibility by an older receipt handle', { seconds: 3 }, async (sqs) => {
    const { queue, older } = await sqs.timedOut(sqs.standard);
    await sqs.receiveOne(queue, { VisibilityTimeout: 60 });

    await sqs.hide(queue, older, 0);

    expect(await sqs.bodies(queue)).toEqual(['m1']);
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
  check('returns the message as sent, its digest and its system attributes', async (sqs) => {
    const queue = await sqs.fifo();
    const MessageAttributes = {
      kind: { DataType: 'String', StringValue: 'sample' },
      blob: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2, 3) },
      size: { DataType: 'Number.int', StringValue: '7' },
    };
    const sent = await sqs.send(queue, 'm1', { MessageAttributes });

    const message = await sqs.receiveOne(queue);

    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: 'm1',
      MD5OfBody: sent.MD5OfMessageBody,
      MessageAttributes,
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

  check('returns the requested attributes, by name or none', async (sqs) => {
    const queue = await sqs.standard({ VisibilityTimeout: '0' });
    const text = (StringValue: string) => ({ DataType: 'String', StringValue });
    await sqs.send(queue, 'm1', {
      MessageAttributes: { Hello: text('a'), 'Help.Me': text('b'), General: text('c') },
    });

    const named = await sqs.receiveOne(queue, { MessageAttributeNames: ['Hello', 'Nothing'] });
    const none = await sqs.receiveOne(queue, { MessageAttributeNames: [], MessageSystemAttributeNames: [] });

    expect(Object.keys(named.MessageAttributes ?? {})).toEqual(['Hello']);
    expect([none.MessageAttributes, none.Attributes]).toEqual([undefined, undefined]);
  });

  check('is counted and keeps the time of the first receive', { seconds: 3 }, async (sqs) => {
    const { queue, older: first } = await sqs.timedOut(sqs.standard);

    const second = await sqs.receiveOne(queue);

    expect(second.Attributes?.ApproximateReceiveCount).toBe('2');
    expect(second.Attributes?.ApproximateFirstReceiveTimestamp).toBe(
      first.Attributes?.ApproximateFirstReceiveTimestamp,
    );
    expect(second.ReceiptHandle).not.toBe(first.ReceiptHandle);
  });

  check(
    'never returns a message after its retention, and SQS does not dead-letter it',
    { seconds: 61 },
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 1, { MessageRetentionPeriod: '60' });
      await sqs.send(queue, 'm1');

      await sqs.pass(61);

      expect([await sqs.bodies(queue), await sqs.bodies(dlq)]).toEqual([[], []]);
    },
  );
});

conformance('A long poll', (check) => {
  check('is answered as soon as a message arrives', async (sqs) => {
    const queue = await sqs.fifo();
    const poll = sqs.bodies(queue, { WaitTimeSeconds: 20 });

    await sqs.send(queue, 'm1');

    expect(await poll).toEqual(['m1']);
  });

  check('is answered when a visibility timeout ends', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    await sqs.receiveOne(queue);
    const poll = sqs.bodies(queue, { WaitTimeSeconds: 20 });

    await sqs.passWhileWaiting(3);

    expect(await poll).toEqual(['m1']);
  });

  check('ends without a message when its time is over', { seconds: 1 }, async (sqs) => {
    const queue = await sqs.standard();
    const poll = sqs.bodies(queue, { WaitTimeSeconds: 1 });

    await sqs.passWhileWaiting(1);

    expect(await poll).toEqual([]);
  });
});

conformance('The counts of a queue', (check) => {
  check('count a message as visible while it waits behind another of its group', async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    await sqs.send(queue, 'm2');
    await sqs.send(queue, 'm3', { MessageGroupId: 'g2' });
    await sqs.receiveOne(queue);

    const counts = { ApproximateNumberOfMessages: '2', ApproximateNumberOfMessagesNotVisible: '1' };
    expect(await sqs.attributesOf(queue, ...(Object.keys(counts) as (keyof typeof counts)[]))).toEqual(counts);
  });
});
