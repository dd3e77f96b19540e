import { ChangeMessageVisibilityBatchCommand, type Message, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

/** Messages in the order in which they are sent. */
async function sendAll(sqs: Sqs, queue: TestQueue, messages: [group: string, body: string][]): Promise<void> {
  for (const [MessageGroupId, body] of messages) await sqs.send(queue, body, { MessageGroupId });
}

const threeMessages = (sqs: Sqs, queue: TestQueue): Promise<void> =>
  sendAll(sqs, queue, [
    ['g1', 'm1'],
    ['g1', 'm2'],
    ['g1', 'm3'],
  ]);

async function threeInFlight(sqs: Sqs, queue: TestQueue): Promise<[Message, Message, Message]> {
  await threeMessages(sqs, queue);
  return (await sqs.receive(queue)) as [Message, Message, Message];
}

conformance('The order of a FIFO queue', (check) => {
  check('is kept inside a group, and one receive can return several messages of it', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'm1'],
      ['g1', 'm2'],
      ['g1', 'm3'],
    ]);

    const bodies = await sqs.bodies(queue);

    expect(bodies).toEqual(['m1', 'm2', 'm3']);
  });

  check('puts the messages of the oldest group first, even if others were sent between them', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'g1-m1'],
      ['g2', 'g2-m1'],
      ['g1', 'g1-m2'],
      ['g1', 'g1-m3'],
    ]);

    const bodies = await sqs.bodies(queue);

    expect(bodies).toEqual(['g1-m1', 'g1-m2', 'g1-m3', 'g2-m1']);
  });

  check('hands out a group that waited before one whose message was just made visible again', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'g1-m1'],
      ['g2', 'g2-m1'],
    ]);

    await sqs.hide(queue, await sqs.receiveOne(queue), 0);

    expect(await sqs.bodies(queue)).toEqual(['g2-m1', 'g1-m1']);
  });

  check('hands out a group that waited before the rest of one that was just received', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'g1-m1'],
      ['g1', 'g1-m2'],
      ['g2', 'g2-m1'],
    ]);

    await sqs.remove(queue, await sqs.receiveOne(queue));

    expect(await sqs.bodies(queue)).toEqual(['g2-m1', 'g1-m2']);
  });

  check('holds back a group while one of its messages is in flight', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'm1'],
      ['g1', 'm2'],
    ]);
    await sqs.receiveOne(queue);

    const bodies = await sqs.bodies(queue);

    expect(bodies).toEqual([]);
  });

  check('lets another group pass one that is in flight', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'g1-m1'],
      ['g1', 'g1-m2'],
      ['g2', 'g2-m1'],
    ]);
    await sqs.receiveOne(queue);

    const bodies = await sqs.bodies(queue);

    expect(bodies).toEqual(['g2-m1']);
  });

  check('continues with the next message once the one in flight is deleted', async (sqs) => {
    const queue = await sqs.fifo();
    await sendAll(sqs, queue, [
      ['g1', 'm1'],
      ['g1', 'm2'],
    ]);
    await sqs.remove(queue, await sqs.receiveOne(queue));

    const bodies = await sqs.bodies(queue);

    expect(bodies).toEqual(['m2']);
  });

  check('keeps the group locked while only part of a batch is deleted', async (sqs) => {
    const queue = await sqs.fifo();
    const [first, second] = await threeInFlight(sqs, queue);
    await sqs.send(queue, 'm4');

    await sqs.remove(queue, first);
    await sqs.remove(queue, second);

    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('makes a released first message receivable at once, even if the next one is in flight', async (sqs) => {
    const queue = await sqs.fifo();
    const [first] = await threeInFlight(sqs, queue);

    await sqs.hide(queue, first, 0);

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('withholds a released message while an earlier one is in flight', async (sqs) => {
    const queue = await sqs.fifo();
    const [, second] = await threeInFlight(sqs, queue);

    await sqs.hide(queue, second, 0);

    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('brings back only the messages before one whose visibility was extended', { seconds: 6 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '5' });
    const [, second] = await threeInFlight(sqs, queue);
    await sqs.hide(queue, second, 60);

    await sqs.pass(6);

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('brings back only the first message if it becomes visible before the others', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '60' });
    const [first] = await threeInFlight(sqs, queue);
    await sqs.hide(queue, first, 2);

    await sqs.pass(3);

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('is the same after a time-out, with later messages behind', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '2' });
    await threeInFlight(sqs, queue);
    await sqs.send(queue, 'm4');

    await sqs.pass(3);

    expect(await sqs.bodies(queue)).toEqual(['m1', 'm2', 'm3', 'm4']);
  });

  check('returns at most ten messages of a group until those are deleted', async (sqs) => {
    const queue = await sqs.fifo();
    for (let n = 1; n <= 12; n += 1) await sqs.send(queue, `m${n}`);
    const first = await sqs.receive(queue);

    const second = await sqs.receive(queue);

    expect([first.length, second.length]).toEqual([10, 0]);
  });

  check('shows in rising sequence numbers of twenty digits', async (sqs) => {
    const queue = await sqs.fifo();

    const one = (await sqs.send(queue, 'm1')).SequenceNumber ?? '';
    const two = (await sqs.send(queue, 'm2', { MessageGroupId: 'g2' })).SequenceNumber ?? '';
    const received = await sqs.receive(queue);

    expect(one).toMatch(/^\d{20}$/);
    expect(two > one).toBe(true);
    expect(received.map(({ Attributes }) => Attributes?.SequenceNumber)).toEqual([one, two]);
  });

  check('waits for the delay of the queue', { seconds: 6 }, async (sqs) => {
    const queue = await sqs.fifo({ DelaySeconds: '5' });
    await sqs.send(queue, 'm1');
    const early = await sqs.bodies(queue);

    await sqs.pass(6);

    expect([early, await sqs.bodies(queue)]).toEqual([[], ['m1']]);
  });
});

conformance('Deduplication of a FIFO queue', (check) => {
  check('answers a repeat with the ids of the first message and stores nothing', async (sqs) => {
    const queue = await sqs.fifo();
    const first = await sqs.send(queue, 'm1', { MessageDeduplicationId: 'd' });

    const repeat = await sqs.send(queue, 'another body', { MessageDeduplicationId: 'd' });

    expect([repeat.MessageId, repeat.SequenceNumber]).toEqual([first.MessageId, first.SequenceNumber]);
    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('still remembers the id after the message was received and deleted', async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    await sqs.remove(queue, await sqs.receiveOne(queue));

    await sqs.send(queue, 'm1');

    expect(await sqs.bodies(queue)).toEqual([]);
  });

  check('ends five minutes after the first send', { seconds: 301 }, async (sqs) => {
    const queue = await sqs.fifo();
    const first = await sqs.send(queue, 'm1');
    await sqs.remove(queue, await sqs.receiveOne(queue));

    await sqs.pass(295);
    const within = await sqs.send(queue, 'm1');
    await sqs.pass(6);
    const after = await sqs.send(queue, 'm1');

    expect(within.MessageId).toBe(first.MessageId);
    expect(after.MessageId).not.toBe(first.MessageId);
    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('is not prolonged by a repeat', { seconds: 301 }, async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    await sqs.pass(200);
    await sqs.send(queue, 'm1');

    await sqs.pass(101);
    await sqs.send(queue, 'm1');

    expect(await sqs.bodies(queue)).toEqual(['m1', 'm1']);
  });

  check('applies to the whole queue by default, not to each group', async (sqs) => {
    const queue = await sqs.fifo();

    await sqs.send(queue, 'm1', { MessageGroupId: 'g1', MessageDeduplicationId: 'd' });
    await sqs.send(queue, 'm2', { MessageGroupId: 'g2', MessageDeduplicationId: 'd' });

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('applies to each group with the scope messageGroup', async (sqs) => {
    const queue = await sqs.fifo({ DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' });

    await sqs.send(queue, 'm1', { MessageGroupId: 'g1', MessageDeduplicationId: 'd' });
    await sqs.send(queue, 'm2', { MessageGroupId: 'g2', MessageDeduplicationId: 'd' });
    await sqs.send(queue, 'm3', { MessageGroupId: 'g2', MessageDeduplicationId: 'd' });

    expect(await sqs.bodies(queue)).toEqual(['m1', 'm2']);
  });

  check('keeps the scope from the creation of the queue when the attribute changes', async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.client.send(
      new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: { DeduplicationScope: 'messageGroup' } }),
    );

    await sqs.send(queue, 'm1', { MessageGroupId: 'g1', MessageDeduplicationId: 'd' });
    await sqs.send(queue, 'm2', { MessageGroupId: 'g2', MessageDeduplicationId: 'd' });

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('by content compares only the body', async (sqs) => {
    const queue = await sqs.fifo({ ContentBasedDeduplication: 'true' });
    const byContent = { MessageDeduplicationId: undefined };

    const first = await sqs.send(queue, 'm1', byContent);
    const repeat = await sqs.send(queue, 'm1', {
      ...byContent,
      MessageAttributes: { kind: { DataType: 'String', StringValue: 'other' } },
    });
    await sqs.send(queue, 'm2', byContent);

    expect(repeat.MessageId).toBe(first.MessageId);
    expect(await sqs.bodies(queue)).toEqual(['m1', 'm2']);
  });

  check('uses a given id before the content', async (sqs) => {
    const queue = await sqs.fifo({ ContentBasedDeduplication: 'true' });

    await sqs.send(queue, 'm1', { MessageDeduplicationId: 'one' });
    await sqs.send(queue, 'm1', { MessageDeduplicationId: 'two' });

    expect(await sqs.bodies(queue)).toEqual(['m1', 'm1']);
  });
});

conformance('A receipt handle of a FIFO queue', (check) => {
  check('is refused by a delete once the visibility has ended', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);

    await sqs.pass(3);
    const late = sqs.remove(queue, message);

    await expect(late).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringMatching(
        /^Value .+ for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.$/,
      ),
    });
  });

  check('of an earlier delivery does not delete a later one', { seconds: 3 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '2' });
    await sqs.send(queue, 'm1');
    const stale = await sqs.receiveOne(queue);
    await sqs.pass(3);
    const fresh = await sqs.receiveOne(queue);

    await expect(sqs.remove(queue, stale)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
    await sqs.hide(queue, fresh, 0);

    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('can delete its message twice', async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);
    await sqs.remove(queue, message);

    const again = sqs.remove(queue, message);

    await expect(again).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });

  check('extends the visibility without counting another receive', { seconds: 12 }, async (sqs) => {
    const queue = await sqs.fifo({ VisibilityTimeout: '5' });
    await sqs.send(queue, 'm1');
    await sqs.hide(queue, await sqs.receiveOne(queue), 10);

    await sqs.pass(6);
    const hidden = await sqs.bodies(queue);
    await sqs.pass(6);
    const again = await sqs.receiveOne(queue);

    expect([hidden, again.Attributes?.ApproximateReceiveCount]).toEqual([[], '2']);
  });

  check('extends a delivery to at most twelve hours in total', { seconds: 10 }, async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);
    await sqs.pass(10);

    await expect(sqs.hide(queue, message, 43_200)).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringContaining('Total VisibilityTimeout for the message is beyond the limit [43200 seconds]'),
    });
    await expect(sqs.hide(queue, message, 43_180)).resolves.toBeDefined();
  });

  check('fails alone in a batch', async (sqs) => {
    const queue = await sqs.fifo();
    await sqs.send(queue, 'm1');
    const message = await sqs.receiveOne(queue);

    const result = await sqs.client.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl: queue.url,
        Entries: [
          { Id: 'bad', ReceiptHandle: 'bm90IG9uZQ==', VisibilityTimeout: 0 },
          { Id: 'good', ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0 },
        ],
      }),
    );

    expect(result.Successful).toEqual([{ Id: 'good' }]);
    expect(result.Failed).toMatchObject([{ Id: 'bad', SenderFault: true, Code: 'ReceiptHandleIsInvalid' }]);
  });
});
