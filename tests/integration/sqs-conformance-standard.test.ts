import { INVALID, lasting, refusal, sqsForChecks } from '../support/sqs-conformance';

const sqs = sqsForChecks();

describe('A standard queue', () => {
  test('accepts a message group but does not order by it', async () => {
    const queue = await sqs.standard();
    await sqs.send(queue, 'm1', { MessageGroupId: 'tenant' });
    await sqs.receiveOne(queue);
    await sqs.send(queue, 'm2', { MessageGroupId: 'tenant' });

    expect(await sqs.receiveOne(queue)).toMatchObject({ Body: 'm2', Attributes: { MessageGroupId: 'tenant' } });
  });

  lasting(6)('deletes by an older receipt handle too', async () => {
    const { queue, older } = await sqs.timedOut(sqs.standard);
    const newer = await sqs.receiveOne(queue);
    await sqs.remove(queue, older);
    await sqs.pass(3);

    expect([newer.MessageId, await sqs.bodies(queue)]).toEqual([older.MessageId, '']);
  });

  lasting(3)('changes the visibility by an older receipt handle', async () => {
    const { queue, older } = await sqs.timedOut(sqs.standard);
    await sqs.receiveOne(queue, { VisibilityTimeout: 60 });
    await sqs.hide(queue, older, 0);

    expect(await sqs.bodies(queue)).toBe('m1');
  });

  test('refuses to change the visibility of a deleted message', async () => {
    const { queue, message } = await sqs.received(sqs.standard);
    await sqs.remove(queue, message);

    const why = expect.stringContaining('Message does not exist or is not available for visibility timeout change');
    await expect(sqs.hide(queue, message, 10)).rejects.toMatchObject(refusal(INVALID, why));
  });
});

const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const MessageAttributes = {
  kind: text('sample'),
  blob: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2, 3) },
  size: { DataType: 'Number.int', StringValue: '7' },
};
const milliseconds = expect.stringMatching(/^\d{13}$/);

describe('A delivery', () => {
  test('returns the message as sent, its digest and its system attributes', async () => {
    const queue = await sqs.fifo();
    const { MessageId, MD5OfMessageBody } = await sqs.send(queue, 'm1', { MessageAttributes });

    expect(await sqs.receiveOne(queue)).toMatchObject({
      ...{ MessageId, Body: 'm1', MD5OfBody: MD5OfMessageBody, MessageAttributes },
      Attributes: {
        ...{ ApproximateReceiveCount: '1', MessageGroupId: 'g1', MessageDeduplicationId: 'm1' },
        SenderId: expect.any(String),
        ...{ SentTimestamp: milliseconds, ApproximateFirstReceiveTimestamp: milliseconds },
      },
    });
  });

  lasting(3)('is counted and keeps the time of the first receive', async () => {
    const { queue, older } = await sqs.timedOut(sqs.standard);
    const { ApproximateFirstReceiveTimestamp } = older.Attributes ?? {};
    const second = await sqs.receiveOne(queue);

    expect(second.Attributes).toMatchObject({ ApproximateReceiveCount: '2', ApproximateFirstReceiveTimestamp });
    expect(second.ReceiptHandle).not.toBe(older.ReceiptHandle);
  });

  lasting(61)('never returns a message after its retention, and SQS does not dead-letter it', async () => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 1, { MessageRetentionPeriod: '60' });
    await sqs.send(queue, 'm1');
    await sqs.pass(61);

    expect([await sqs.bodies(queue), await sqs.bodies(dlq)]).toEqual(['', '']);
  });
});

test('The counts of a queue count a message as visible while it waits behind another of its group', async () => {
  const queue = await sqs.fifo();
  for (const [body, MessageGroupId] of Object.entries({ m1: 'g1', m2: 'g1', m3: 'g2' }))
    await sqs.send(queue, body, { MessageGroupId });
  await sqs.receiveOne(queue);

  const [visible, inFlight] = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  expect(await sqs.attributesOf(queue, visible, inFlight)).toEqual({ [visible]: '2', [inFlight]: '1' });
});
