import { randomUUID } from 'node:crypto';
import type { BatchQueues, Queues } from '../../../lib/platform/ports';
import { createSqsModel, type SqsModel } from '../../../packages/local/sqs/model';
import { startAws } from '../../support/emulators';
import { memoryQueues } from '../../support/memory-queues';

const aws = startAws({});
afterAll(async () => (await aws).close());
const inMemory = createSqsModel({ now: Date.now, uuid: randomUUID });

describe.each<[string, () => Promise<{ queues: Queues & BatchQueues; model: SqsModel }>]>([
  ['the model in memory', async () => ({ queues: memoryQueues(inMemory), model: inMemory })],
  ['SQS', () => aws],
])('the queues: %s', (_name, start) => {
  let queues: Queues & BatchQueues;
  let queueUrl: string;

  beforeEach(async () => {
    const { model, ...started } = await start();
    ({ queues } = started);
    const QueueName = `${randomUUID()}.fifo`;
    model.createQueue({ QueueName, Attributes: { FifoQueue: 'true', VisibilityTimeout: '30' } });
    // The URL has production's host, which the client must ignore.
    queueUrl = `https://sqs.us-east-1.amazonaws.com/000000000000/${QueueName}`;
  });

  const receive = (max = 10) => queues.receive(queueUrl, { max, visibilitySeconds: 30 });

  it('sends a batch and reports for each entry whether SQS took it', async () => {
    const entry = { body: 'x', groupId: 'a-group', deduplicationId: 'an-id' };

    const [refused, repeat] = [
      { ...entry, deduplicationId: '' },
      { ...entry, body: 'y' },
    ];
    const entries = await queues.sendBatch(queueUrl, [entry, refused, repeat]);

    expect(entries.map(({ sent }) => sent)).toEqual([true, false, true]);
    expect(entries[1]).toEqual({ sent: false, code: expect.stringMatching(/^SQS\.\w+/) });
    expect((await receive()).map(({ body }) => body)).toEqual(['x']);
  });

  it('delivers a message as it was sent, with its ids and attributes', async () => {
    const before = Date.now();
    const { messageId, sequenceNumber } = await queues.send(queueUrl, {
      body: '{"größe":1}',
      groupId: 'a-group',
      deduplicationId: 'an-id',
      attributes: { reason: 'AnError', from: 'a queue' },
    });

    const [message, ...others] = await receive();

    expect(others).toEqual([]);
    expect(message).toMatchObject({
      messageId,
      sequenceNumber,
      body: '{"größe":1}',
      groupId: 'a-group',
      receiveCount: 1,
      attributes: { reason: 'AnError', from: 'a queue' },
    });
    expect(message?.receiptHandle).not.toBe('');
    expect(message?.sentAt).toBeGreaterThanOrEqual(before);
  });

  it('hides a received message until its visibility is changed, counts it, and deletes it', async () => {
    expect(await receive()).toEqual([]);
    for (const n of ['1', '2', '3']) await queues.send(queueUrl, { body: n, groupId: n, deduplicationId: n });
    const [message] = await receive(1);
    expect(await queues.depth(queueUrl)).toEqual({ visible: 2, inFlight: 1 });

    await queues.changeVisibility(queueUrl, message?.receiptHandle ?? '', 0);
    const [again] = (await receive()).filter(({ body }) => body === message?.body);
    await queues.delete(queueUrl, again?.receiptHandle ?? '');

    expect(again?.receiveCount).toBe(2);
    expect(await queues.depth(queueUrl)).toEqual({ visible: 0, inFlight: 2 });
  });

  it('changes the visibility of many messages in one call, even if some are deleted', async () => {
    for (const n of ['1', '2', '3']) await queues.send(queueUrl, { body: n, groupId: n, deduplicationId: n });
    const handles = (await receive()).map(({ receiptHandle }) => receiptHandle);
    await queues.delete(queueUrl, handles[1] ?? '');

    await queues.changeVisibilityBatch(queueUrl, handles, 0);

    expect((await receive()).map(({ body }) => body)).toEqual(['1', '3']);
  });

  it('reports a queue that does not exist without quoting the message', async () => {
    const url = queueUrl.replace('.fifo', 'x.fifo');

    const refused = queues.send(url, { body: 'planted', groupId: 'planted', deduplicationId: 'planted' });

    await expect(refused).rejects.toMatchObject({ name: 'StoreError', class: 'store', code: 'SQS.QueueDoesNotExist' });
    await expect(refused).rejects.not.toThrow(/planted/);
  });
});
