import { type Attributes, INVALID, lasting, refusal, sqsForChecks, type TestQueue } from '../support/sqs-conformance';

const sqs = sqsForChecks();

type Act = (queue: TestQueue) => Promise<unknown>;
interface Case {
  queue?: Attributes;
  /** Bodies, in the order in which they are sent. The letter is the group. */
  sent: string;
  /** What happens then, and how many seconds pass. */
  act?: Act;
  pass?: number;
  /** What one receive returns after that. */
  seen: string;
}

const sendAll = async (queue: TestQueue, bodies: string): Promise<void> => {
  for (const body of bodies.split(' ')) await sqs.send(queue, body, { MessageGroupId: body.charAt(0) });
};
const receiveOne: Act = (queue) => sqs.receiveOne(queue);
const receiveAll: Act = (queue) => sqs.receive(queue);
const releaseOne: Act = async (queue) => sqs.hide(queue, await sqs.receiveOne(queue), 0);
const removeOne: Act = async (queue) => sqs.remove(queue, await sqs.receiveOne(queue));
/** Receives all and hides the nth for so long. */
const hideNth =
  (n: number, seconds: number): Act =>
  async (queue) =>
    sqs.hide(queue, (await sqs.receive(queue)).at(n) ?? {}, seconds);
const removeTwo: Act = async (queue) => {
  const [first, second] = await sqs.receive(queue);
  await sendAll(queue, 'a4');
  for (const message of [first, second]) await sqs.remove(queue, message ?? {});
};
const receiveAllAndSend: Act = async (queue) => {
  await sqs.receive(queue);
  await sendAll(queue, 'a4');
};

const ORDER: Record<string, Case> = {
  'is kept inside a group, and one receive can return several messages of it': { sent: 'a1 a2 a3', seen: 'a1 a2 a3' },
  'puts the oldest group first, even if others were sent between': { sent: 'a1 b1 a2 a3', seen: 'a1 a2 a3 b1' },
  'hands out a waiting group before one that was just released': { sent: 'a1 b1', act: releaseOne, seen: 'b1 a1' },
  'hands out a waiting group before the rest of one just received': { sent: 'a1 a2 b1', act: removeOne, seen: 'b1 a2' },
  'locks a group with a message in flight, and lets another pass': { sent: 'a1 a2 b1', act: receiveOne, seen: 'b1' },
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

for (const [sentence, { queue: attributes, sent, act, pass = 0, seen }] of Object.entries(ORDER))
  lasting(pass)(`The order of a FIFO queue ${sentence}`, async () => {
    const queue = await sqs.fifo(attributes);
    await sendAll(queue, sent);
    await act?.(queue);
    if (pass > 0) await sqs.pass(pass);

    expect(await sqs.bodies(queue)).toBe(seen);
  });

test('The order of a FIFO queue shows in rising sequence numbers of twenty digits', async () => {
  const queue = await sqs.fifo();
  const { SequenceNumber: one = '' } = await sqs.send(queue, 'm1');
  const { SequenceNumber: two = '' } = await sqs.send(queue, 'm2', { MessageGroupId: 'g2' });

  const received = await sqs.receive(queue);
  expect(received.map(({ Attributes }) => Attributes?.SequenceNumber)).toEqual([one, two]);
  expect(one).toMatch(/^\d{20}$/);
  expect(two > one).toBe(true);
});

describe('Deduplication of a FIFO queue', () => {
  test('answers a repeat with the ids of the first message and stores nothing', async () => {
    const queue = await sqs.fifo();
    const { MessageId, SequenceNumber } = await sqs.send(queue, 'm1', { MessageDeduplicationId: 'd' });
    const repeat = await sqs.send(queue, 'another body', { MessageDeduplicationId: 'd' });

    expect(repeat).toMatchObject({ MessageId, SequenceNumber });
    expect(await sqs.bodies(queue)).toBe('m1');
  });

  lasting(301)('ends five minutes after the first send, also after a delete or a repeat', async () => {
    const { queue, sent, message } = await sqs.received(sqs.fifo);
    await sqs.remove(queue, message);
    await sqs.pass(295);
    const within = await sqs.send(queue, 'm1');
    await sqs.pass(6);
    const after = await sqs.send(queue, 'm1');

    expect([within, after].map(({ MessageId }) => MessageId === sent.MessageId)).toEqual([true, false]);
    expect(await sqs.bodies(queue)).toBe('m1');
  });

  const inGroup = { DeduplicationScope: 'messageGroup' };
  const perGroup = { ...inGroup, FifoThroughputLimit: 'perMessageGroupId' };
  test.each<[string, Attributes, Attributes | undefined, left: string]>([
    ['applies to the whole queue by default, not to each group', {}, undefined, 'm1'],
    ['applies to each group with the scope messageGroup', perGroup, undefined, 'm1 m2'],
    ['keeps the scope from the creation of the queue when the attribute changes', {}, inGroup, 'm1'],
  ])('%s', async (_sentence, attributes, changed, left) => {
    const queue = await sqs.fifo(attributes);
    if (changed) await sqs.set(queue, changed);
    for (const [body, MessageGroupId] of Object.entries({ m1: 'g1', m2: 'g2', m3: 'g2' }))
      await sqs.send(queue, body, { MessageGroupId, MessageDeduplicationId: 'd' });

    expect(await sqs.bodies(queue)).toBe(left);
  });
});

describe('A receipt handle of a FIFO queue', () => {
  lasting(3)('is refused by a delete once the visibility has ended, and by one of a later delivery', async () => {
    const { queue, older } = await sqs.timedOut(sqs.fifo);
    const expired = /^Value .+ for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.$/;
    const refused = refusal(INVALID, expect.stringMatching(expired));

    await expect(sqs.remove(queue, older)).rejects.toMatchObject(refused);
    const fresh = await sqs.receiveOne(queue);
    await expect(sqs.remove(queue, older)).rejects.toMatchObject(refused);
    await sqs.hide(queue, fresh, 0);
    expect(await sqs.bodies(queue)).toBe('m1');
  });

  test('can delete its message twice', async () => {
    const { queue, message } = await sqs.received(sqs.fifo);
    await sqs.remove(queue, message);

    await expect(sqs.remove(queue, message)).resolves.toBeDefined();
  });

  lasting(12)('extends the visibility without counting another receive', async () => {
    const { queue, message } = await sqs.received(sqs.fifo, { VisibilityTimeout: '5' });
    await sqs.hide(queue, message, 10);
    await sqs.pass(6);
    expect(await sqs.bodies(queue)).toBe('');
    await sqs.pass(6);

    expect(await sqs.receiveOne(queue)).toMatchObject({ Attributes: { ApproximateReceiveCount: '2' } });
  });

  lasting(10)('extends a delivery to at most twelve hours in total', async () => {
    const { queue, message } = await sqs.received(sqs.fifo);
    await sqs.pass(10);
    const beyond = 'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]';
    const refused = refusal(INVALID, expect.stringContaining(beyond));

    await expect(sqs.hide(queue, message, 43_200)).rejects.toMatchObject(refused);
    await expect(sqs.hide(queue, message, 43_180)).resolves.toBeDefined();
  });

  test('fails alone in a batch', async () => {
    const { queue, message } = await sqs.received(sqs.fifo);
    const entry = (Id: string, ReceiptHandle = '') => ({ Id, ReceiptHandle, VisibilityTimeout: 0 });
    const Entries = [entry('bad', 'bm90IG9uZQ=='), entry('good', message.ReceiptHandle)];

    expect(await sqs.client().changeMessageVisibilityBatch({ QueueUrl: queue.url, Entries })).toMatchObject({
      Successful: [{ Id: 'good' }],
      Failed: [{ Id: 'bad', SenderFault: true, Code: 'ReceiptHandleIsInvalid' }],
    });
  });
});
