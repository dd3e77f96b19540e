import {
  ChangeMessageVisibilityBatchCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

type Act = (sqs: Sqs, queue: TestQueue) => Promise<unknown>;
interface Case {
  queue?: Partial<Record<QueueAttributeName, string>>;
  /** Bodies, in the order in which they are sent. The letter is the group. */
  sent: string;
  /** What happens then, and how much time passes. */
  act?: Act;
  pass?: number;
  /** What one receive returns after that. */
  seen: string;
}

const sendAll = async (sqs: Sqs, queue: TestQueue, bodies: string): Promise<void> => {
  for (const body of bodies.split(' ')) await sqs.send(queue, body, { MessageGroupId: body.charAt(0) });
};
const receiveOne: Act = (sqs, queue) => sqs.receiveOne(queue);
const receiveAll: Act = (sqs, queue) => sqs.receive(queue);
const releaseOne: Act = async (sqs, queue) => sqs.hide(queue, await sqs.receiveOne(queue), 0);
const removeOne: Act = async (sqs, queue) => sqs.remove(queue, await sqs.receiveOne(queue));
/** Receives all and hides the nth for so long. */
const hideNth =
  (n: number, seconds: number): Act =>
  async (sqs, queue) =>
    sqs.hide(queue, (await sqs.receive(queue)).at(n) ?? {}, seconds);

const ORDER: Record<string, Case> = {
  'is kept inside a group, and one receive can return several messages of it': { sent: 'a1 a2 a3', seen: 'a1 a2 a3' },
  'puts the messages of the oldest group first, even if others were sent between them': {
    ...{ sent: 'a1 b1 a2 a3', seen: 'a1 a2 a3 b1' },
  },
  'hands out a group that waited before one whose message was just made visible again': {
    ...{ sent: 'a1 b1', act: releaseOne, seen: 'b1 a1' },
  },
  'hands out a group that waited before the rest of one that was just received': {
    ...{ sent: 'a1 a2 b1', act: removeOne, seen: 'b1 a2' },
  },
  'holds back a group while one of its messages is in flight, and lets another one pass': {
    ...{ sent: 'a1 a2 b1', act: receiveOne, seen: 'b1' },
  },
  'keeps the group locked while only part of a batch is deleted': {
    sent: 'a1 a2 a3',
    act: async (sqs, queue) => {
      const [first, second] = await sqs.receive(queue);
      await sendAll(sqs, queue, 'a4');
      for (const message of [first, second]) await sqs.remove(queue, message ?? {});
    },
    seen: '',
  },
  'makes a released first message receivable at once, even if the next one is in flight': {
    ...{ sent: 'a1 a2 a3', act: hideNth(0, 0), seen: 'a1' },
  },
  'withholds a released message while an earlier one is in flight': { sent: 'a1 a2 a3', act: hideNth(1, 0), seen: '' },
  'brings back only the messages before one whose visibility was extended': {
    ...{ queue: { VisibilityTimeout: '5' }, sent: 'a1 a2 a3', act: hideNth(1, 60), pass: 6, seen: 'a1' },
  },
  'brings back only the first message if it becomes visible before the others': {
    ...{ queue: { VisibilityTimeout: '60' }, sent: 'a1 a2 a3', act: hideNth(0, 2), pass: 3, seen: 'a1' },
  },
  'is the same after a time-out, with later messages behind': {
    ...{ queue: { VisibilityTimeout: '2' }, sent: 'a1 a2 a3', seen: 'a1 a2 a3 a4', pass: 3 },
    act: async (sqs, queue) => {
      await sqs.receive(queue);
      await sendAll(sqs, queue, 'a4');
    },
  },
  'returns at most ten messages of a group until those are deleted': {
    ...{ sent: 'a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12', act: receiveAll, seen: '' },
  },
};

conformance('The order of a FIFO queue', (check) => {
  for (const [sentence, { queue: attributes, sent, act, pass = 0, seen }] of Object.entries(ORDER))
    check(sentence, { seconds: pass }, async (sqs) => {
      const queue = await sqs.fifo(attributes);
      await sendAll(sqs, queue, sent);
      await act?.(sqs, queue);
      if (pass > 0) await sqs.pass(pass);

      expect((await sqs.bodies(queue)).join(' ')).toBe(seen);
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
});

conformance('Deduplication of a FIFO queue', (check) => {
  check('answers a repeat with the ids of the first message and stores nothing', async (sqs) => {
    const queue = await sqs.fifo();
    const first = await sqs.send(queue, 'm1', { MessageDeduplicationId: 'd' });

    const repeat = await sqs.send(queue, 'another body', { MessageDeduplicationId: 'd' });

    expect([repeat.MessageId, repeat.SequenceNumber]).toEqual([first.MessageId, first.SequenceNumber]);
    expect(await sqs.bodies(queue)).toEqual(['m1']);
  });

  check('ends five minutes after the first send, also after a delete or a repeat', { seconds: 301 }, async (sqs) => {
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

  const SCOPES: [sentence: string, queue: Case['queue'], seen: string[], act?: Act][] = [
    ['applies to the whole queue by default, not to each group', {}, ['m1']],
    [
      'applies to each group with the scope messageGroup',
      { DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' },
      ['m1', 'm2'],
    ],
    [
      'keeps the scope from the creation of the queue when the attribute changes',
      {},
      ['m1'],
      ({ client }, { url }) =>
        client.send(
          new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { DeduplicationScope: 'messageGroup' } }),
        ),
    ],
  ];
  for (const [sentence, attributes, seen, act] of SCOPES)
    check(sentence, async (sqs) => {
      const queue = await sqs.fifo(attributes);
      await act?.(sqs, queue);

      await sqs.send(queue, 'm1', { MessageGroupId: 'g1', MessageDeduplicationId: 'd' });
      await sqs.send(queue, 'm2', { MessageGroupId: 'g2', MessageDeduplicationId: 'd' });
      await sqs.send(queue, 'm3', { MessageGroupId: 'g2', MessageDeduplicationId: 'd' });

      expect(await sqs.bodies(queue)).toEqual(seen);
    });
});

conformance('A receipt handle of a FIFO queue', (check) => {
  check('is refused by a delete once the visibility has ended', { seconds: 3 }, async (sqs) => {
    const { queue, older } = await sqs.timedOut(sqs.fifo);

    const late = sqs.remove(queue, older);

    await expect(late).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: expect.stringMatching(
        /^Value .+ for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.$/,
      ),
    });
  });

  check('of an earlier delivery does not delete a later one', { seconds: 3 }, async (sqs) => {
    const { queue, older: stale } = await sqs.timedOut(sqs.fifo);
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
