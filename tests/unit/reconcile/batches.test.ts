import { StoreError } from '../../../lib/errors';
import type { BatchEntry, BatchQueues, OutgoingMessage, Queues } from '../../../lib/ports';
import { inBatches } from '../../../lib/reconcile/batches';

const URL = 'https://sqs.example.com/q.fifo';
const message = (name: string, groupId = name): OutgoingMessage => ({ body: name, groupId, deduplicationId: name });

/** Queues that record the messages to send. Bodies in `refused` are refused with their code. */
function noted(refused: Record<string, string> = {}) {
  const calls: string[][] = [];
  const answer = ({ body }: OutgoingMessage): BatchEntry =>
    refused[body] ? { sent: false, code: refused[body] } : { sent: true, messageId: `id of ${body}` };
  const queues = {
    send: async (_url: string, one: OutgoingMessage) => {
      calls.push([one.body]);
      return { messageId: `id of ${one.body}`, sequenceNumber: '7' };
    },
    sendBatch: async (_url: string, all: OutgoingMessage[]) => {
      calls.push(all.map(({ body }) => body));
      return all.map(answer);
    },
  } as Partial<Queues & BatchQueues> as Queues & BatchQueues;
  return { calls, queues };
}

test('messages that are sent at the same time go in batches of ten, and each sender gets its own id', async () => {
  const { calls, queues } = noted();
  const { send } = inBatches(queues);
  const names = Array.from({ length: 25 }, (_, index) => `m${index}`);

  const sent = await Promise.all(names.map((name) => send(URL, message(name))));

  expect(calls.map(({ length }) => length)).toEqual([10, 10, 5]);
  expect(sent.map(({ messageId }) => messageId)).toEqual(names.map((name) => `id of ${name}`));
});

test('a single message is not sent as a batch', async () => {
  const { calls, queues } = noted();

  expect(await inBatches(queues).send(URL, message('a'))).toEqual({ messageId: 'id of a', sequenceNumber: '7' });
  expect(calls).toEqual([['a']]);
});

test('a batch has at most one message of a group, and the others follow in order', async () => {
  const { calls, queues } = noted();
  const { send } = inBatches(queues);

  await Promise.all(
    [message('a1', 'a'), message('a2', 'a'), message('b1', 'b'), message('a3', 'a')].map((m) => send(URL, m)),
  );

  expect(calls).toEqual([['a1', 'b1'], ['a2'], ['a3']]);
});

test('a batch is no larger than SQS allows, and no message overtakes a large one of its group', async () => {
  const { calls, queues } = noted();
  const { send } = inBatches(queues);
  const large = (name: string, groupId: string) => ({ ...message(name, groupId), body: name.padEnd(700_000, '.') });

  await Promise.all([send(URL, large('a1', 'a')), send(URL, large('b1', 'b')), send(URL, message('b2', 'b'))]);

  expect(calls.map((bodies) => bodies.map((body) => body.slice(0, 2)))).toEqual([['a1'], ['b1'], ['b2']]);
});

test('a refused message only fails its own sender', async () => {
  const { queues } = noted({ b: 'SQS.InternalError' });
  const { send } = inBatches(queues);

  const sent = await Promise.allSettled(['a', 'b', 'c'].map((name) => send(URL, message(name))));

  expect(sent.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(sent[1]).toMatchObject({ reason: { class: 'store', code: 'SQS.InternalError' } });
});

test('a batch that fails as a whole fails all its senders, and the next batch is sent', async () => {
  const { calls, queues } = noted();
  const { sendBatch } = queues;
  let down = true;
  queues.sendBatch = async (url, all) => {
    if (down) throw new StoreError({ code: 'SQS.Throttled', message: 'throttled' });
    return sendBatch(url, all);
  };
  const { send } = inBatches(queues);
  const both = () => Promise.allSettled(['a', 'b'].map((name) => send(URL, message(name))));

  const first = await both();
  down = false;
  await both();

  expect(first).toMatchObject([{ reason: { code: 'SQS.Throttled' } }, { reason: { code: 'SQS.Throttled' } }]);
  expect(calls).toEqual([['a', 'b']]);
});
