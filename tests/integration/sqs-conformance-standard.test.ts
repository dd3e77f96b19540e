import { conformance, type Sqs } from '../support/sqs-conformance';

conformance('A standard queue', {
  'accepts a message group but does not order by it': [
    async (sqs) => {
      const queue = await sqs.standard();
      await sqs.send(queue, 'm1', { MessageGroupId: 'tenant' });
      await sqs.receiveOne(queue);
      await sqs.send(queue, 'm2', { MessageGroupId: 'tenant' });
      return sqs.receiveOne(queue);
    },
    { Body: 'm2', Attributes: { MessageGroupId: 'tenant' } },
  ],
  'deletes by an older receipt handle too': [
    async (sqs) => {
      const { queue, older } = await sqs.timedOut(sqs.standard);
      const newer = await sqs.receiveOne(queue);
      await sqs.remove(queue, older);
      await sqs.pass(3);
      return [newer.MessageId === older.MessageId, await sqs.bodies(queue)];
    },
    [true, ''],
    6,
  ],
  'changes the visibility by an older receipt handle': [
    async (sqs) => {
      const { queue, older } = await sqs.timedOut(sqs.standard);
      await sqs.receiveOne(queue, { VisibilityTimeout: 60 });
      await sqs.hide(queue, older, 0);
      return sqs.bodies(queue);
    },
    'm1',
    3,
  ],
  'refuses to change the visibility of a deleted message': [
    async (sqs) => {
      const queue = await sqs.standard();
      await sqs.send(queue, 'm1');
      const message = await sqs.receiveOne(queue);
      await sqs.remove(queue, message);
      return sqs.hide(queue, message, 10);
    },
    {
      name: 'InvalidParameterValue',
      message: expect.stringContaining('Message does not exist or is not available for visibility timeout change'),
    },
  ],
});

const text = (StringValue: string) => ({ DataType: 'String', StringValue });
const MessageAttributes = {
  kind: text('sample'),
  blob: { DataType: 'Binary', BinaryValue: Uint8Array.of(1, 2, 3) },
  size: { DataType: 'Number.int', StringValue: '7' },
};
const milliseconds = expect.stringMatching(/^\d{13}$/);

conformance('A delivery', {
  'returns the message as sent, its digest and its system attributes': [
    async (sqs) => {
      const queue = await sqs.fifo();
      const sent = await sqs.send(queue, 'm1', { MessageAttributes });
      const message = await sqs.receiveOne(queue);
      const same = [message.MessageId === sent.MessageId, message.MD5OfBody === sent.MD5OfMessageBody];
      return { ...message, same };
    },
    {
      ...{ Body: 'm1', MessageAttributes, same: [true, true] },
      Attributes: {
        ...{ ApproximateReceiveCount: '1', MessageGroupId: 'g1', MessageDeduplicationId: 'm1' },
        SenderId: expect.any(String),
        ...{ SentTimestamp: milliseconds, ApproximateFirstReceiveTimestamp: milliseconds },
      },
    },
  ],
  'is counted and keeps the time of the first receive': [
    async (sqs) => {
      const { queue, older } = await sqs.timedOut(sqs.standard);
      const second = await sqs.receiveOne(queue);
      const [first, again] = [older, second].map(({ Attributes }) => Attributes?.ApproximateFirstReceiveTimestamp);
      const handles = second.ReceiptHandle === older.ReceiptHandle;
      return [second.Attributes?.ApproximateReceiveCount, first === again, handles];
    },
    ['2', true, false],
    3,
  ],
  'never returns a message after its retention, and SQS does not dead-letter it': [
    async (sqs) => {
      const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.standard, 1, { MessageRetentionPeriod: '60' });
      await sqs.send(queue, 'm1');
      await sqs.pass(61);
      return [await sqs.bodies(queue), await sqs.bodies(dlq)];
    },
    ['', ''],
    61,
  ],
});

const poll = (sqs: Sqs, queue: Parameters<Sqs['bodies']>[0]) => sqs.bodies(queue, { WaitTimeSeconds: 20 });

conformance('A long poll', {
  'is answered as soon as a message arrives': [
    async (sqs) => {
      const queue = await sqs.fifo();
      const answer = poll(sqs, queue);
      await sqs.send(queue, 'm1');
      return answer;
    },
    'm1',
  ],
  'is answered when a visibility timeout ends': [
    async (sqs) => {
      const queue = await sqs.fifo({ VisibilityTimeout: '2' });
      await sqs.send(queue, 'm1');
      await sqs.receiveOne(queue);
      const answer = poll(sqs, queue);
      await sqs.passWhileWaiting(3);
      return answer;
    },
    'm1',
    3,
  ],
  'ends without a message when its time is over': [
    async (sqs) => {
      const answer = sqs.bodies(await sqs.standard(), { WaitTimeSeconds: 1 });
      await sqs.passWhileWaiting(1);
      return answer;
    },
    '',
    1,
  ],
});

const counts = { ApproximateNumberOfMessages: '2', ApproximateNumberOfMessagesNotVisible: '1' };

conformance('The counts of a queue', {
  'count a message as visible while it waits behind another of its group': [
    async (sqs) => {
      const queue = await sqs.fifo();
      for (const [body, MessageGroupId] of Object.entries({ m1: 'g1', m2: 'g1', m3: 'g2' }))
        await sqs.send(queue, body, { MessageGroupId });
      await sqs.receiveOne(queue);
      return sqs.attributesOf(queue, ...(Object.keys(counts) as (keyof typeof counts)[]));
    },
    counts,
  ],
});
