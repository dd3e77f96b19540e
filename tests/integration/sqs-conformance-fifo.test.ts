import { ChangeMessageVisibilityBatchCommand, type QueueAttributeName } from '@aws-sdk/client-sqs';
import { type Checks, conformance, type Sqs, type TestQueue } from '../support/sqs-conformance';

type Act = (sqs: Sqs, queue: TestQueue) => Promise<unknown>;
interface Case {
  queue?: Partial<Record<QueueAttributeName, string>>;
  /** Bodies, in the order in which they are sent. The letter is the group. */
  sent: string;
  /** What happens then, and how many seconds pass. */
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
const removeTwo: Act = async (sqs, queue) => {
  const [first, second] = await sqs.receive(queue);
  await sendAll(sqs, queue, 'a4');
  for (const message of [first, second]) await sqs.remove(queue, message ?? {});
};
const receiveAllAndSend: Act = async (sqs, queue) => {
  await sqs.receive(queue);
  await sendAll(sqs, queue, 'a4');
};

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
  'keeps the group locked while only part of a batch is deleted': { sent: 'a1 a2 a3', act: removeTwo, seen: '' },
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
    ...{ queue: { VisibilityTimeout: '2' }, sent: 'a1 a2 a3', act: receiveAllAndSend, pass: 3, seen: 'a1 a2 a3 a4' },
  },
  'returns at most ten messages of a group until those are deleted': {
    ...{ sent: 'a1 a2 a3 a4 a5 a6 a7 a8 a9 a10 a11 a12', act: receiveAll, seen: '' },
  },
};

const checkOf = ({ queue: attributes, sent, act, pass = 0, seen }: Case): Checks[string] => [
  async (sqs) => {
    const queue = await sqs.fifo(attributes);
    await sendAll(sqs, queue, sent);
    await act?.(sqs, queue);
    if (pass > 0) await sqs.pass(pass);
    return sqs.bodies(queue);
  },
  seen,
  pass,
];

conformance('The order of a FIFO queue', {
  ...Object.fromEntries(Object.entries(ORDER).map(([sentence, one]) => [sentence, checkOf(one)])),

  'shows in rising sequence numbers of twenty digits': [
    async (sqs) => {
      const queue = await sqs.fifo();
      const { SequenceNumber: one = '' } = await sqs.send(queue, 'm1');
      const { SequenceNumber: two = '' } = await sqs.send(queue, 'm2', { MessageGroupId: 'g2' });
      const received = (await sqs.receive(queue)).map(({ Attributes }) => Attributes?.SequenceNumber);
      return { one, rises: two > one, same: received.join() === [one, two].join() };
    },
    { one: expect.stringMatching(/^\d{20}$/), rises: true, same: true },
  ],
});

/** Sends the same deduplication id three times, to two groups. */
const sentThrice =
  (attributes: Case['queue'], act?: Act): Checks[string][0] =>
  async (sqs) => {
    const queue = await sqs.fifo(attributes);
    await act?.(sqs, queue);
    for (const [body, MessageGroupId] of [...Object.entries({ m1: 'g1', m2: 'g2', m3: 'g2' })])
      await sqs.send(queue, body, { MessageGroupId, MessageDeduplicationId: 'd' });
    return sqs.bodies(queue);
  };
const inGroup = { DeduplicationScope: 'messageGroup' };

conformance('Deduplication of a FIFO queue', {
  'answers a repeat with the ids of the first message and stores nothing': [
    async (sqs) => {
      const queue = await sqs.fifo();
      const first = await sqs.send(queue, 'm1', { MessageDeduplicationId: 'd' });
      const repeat = await sqs.send(queue, 'another body', { MessageDeduplicationId: 'd' });
      const same = [repeat.MessageId === first.MessageId, repeat.SequenceNumber === first.SequenceNumber];
      return [...same, await sqs.bodies(queue)];
    },
    [true, true, 'm1'],
  ],
  'ends five minutes after the first send, also after a delete or a repeat': [
    async (sqs) => {
      const queue = await sqs.fifo();
      const first = await sqs.send(queue, 'm1');
      await sqs.remove(queue, await sqs.receiveOne(queue));
      await sqs.pass(295);
      const within = await sqs.send(queue, 'm1');
      await sqs.pass(6);
      const after = await sqs.send(queue, 'm1');
      return [...[within, after].map(({ MessageId }) => MessageId === first.MessageId), await sqs.bodies(queue)];
    },
    [true, false, 'm1'],
    301,
  ],
  'applies to the whole queue by default, not to each group': [sentThrice({}), 'm1'],
  'applies to each group with the scope messageGroup': [
    sentThrice({ ...inGroup, FifoThroughputLimit: 'perMessageGroupId' }),
    'm1 m2',
  ],
  'keeps the scope from the creation of the queue when the attribute changes': [
    sentThrice({}, (sqs, queue) => sqs.set(queue, inGroup)),
    'm1',
  ],
});

const INVALID = 'InvalidParameterValue';

/** A queue with one message that was just received. */
async function received(sqs: Sqs, attributes: Case['queue'] = {}) {
  const queue = await sqs.fifo(attributes);
  await sqs.send(queue, 'm1');
  return { queue, message: await sqs.receiveOne(queue) };
}

conformance('A receipt handle of a FIFO queue', {
  'is refused by a delete once the visibility has ended': [
    async (sqs) => {
      const { queue, older } = await sqs.timedOut(sqs.fifo);
      return sqs.remove(queue, older);
    },
    {
      name: INVALID,
      message: expect.stringMatching(
        /^Value .+ for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.$/,
      ),
    },
    3,
  ],
  'of an earlier delivery does not delete a later one': [
    async (sqs) => {
      const { queue, older } = await sqs.timedOut(sqs.fifo);
      const fresh = await sqs.receiveOne(queue);
      const refused = await sqs.remove(queue, older).catch(({ name }: Error) => name);
      await sqs.hide(queue, fresh, 0);
      return [refused, await sqs.bodies(queue)];
    },
    [INVALID, 'm1'],
    3,
  ],
  'can delete its message twice': [
    async (sqs) => {
      const { queue, message } = await received(sqs);
      await sqs.remove(queue, message);
      return sqs.remove(queue, message);
    },
    { $metadata: { httpStatusCode: 200 } },
  ],
  'extends the visibility without counting another receive': [
    async (sqs) => {
      const { queue, message } = await received(sqs, { VisibilityTimeout: '5' });
      await sqs.hide(queue, message, 10);
      await sqs.pass(6);
      const hidden = await sqs.bodies(queue);
      await sqs.pass(6);
      return [hidden, (await sqs.receiveOne(queue)).Attributes?.ApproximateReceiveCount];
    },
    ['', '2'],
    12,
  ],
  'extends a delivery to at most twelve hours in total': [
    async (sqs) => {
      const { queue, message } = await received(sqs);
      await sqs.pass(10);
      const tooLong = await sqs.hide(queue, message, 43_200).catch((error: unknown) => error);
      return [tooLong, await sqs.hide(queue, message, 43_180)];
    },
    [
      {
        name: INVALID,
        message: expect.stringContaining('Total VisibilityTimeout for the message is beyond the limit [43200 seconds]'),
      },
      {},
    ],
    10,
  ],
  'fails alone in a batch': [
    async (sqs) => {
      const { queue, message } = await received(sqs);
      const entry = (Id: string, ReceiptHandle = '') => ({ Id, ReceiptHandle, VisibilityTimeout: 0 });
      const Entries = [entry('bad', 'bm90IG9uZQ=='), entry('good', message.ReceiptHandle)];
      return sqs.client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queue.url, Entries }));
    },
    {
      Successful: [{ Id: 'good' }],
      Failed: [{ Id: 'bad', SenderFault: true, Code: 'ReceiptHandleIsInvalid' }],
    },
  ],
});
