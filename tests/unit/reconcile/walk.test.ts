import { StoreError } from '../../../lib/errors';
import type { ReceivedMessage } from '../../../lib/ports';
import { receiveAll } from '../../../lib/reconcile/dead-letters';
import { memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

/** A queue with one message in each group. */
function queueOf(count: number) {
  const engine = memoryEngine(() => sampleContract().contract);
  for (let n = 0; n < count; n++) engine.send(`message ${n}`, { group: `g${n}` });
  const bodies: string[] = [];
  const act = async (messages: ReceivedMessage[]) => void bodies.push(...messages.map(({ body }) => body));
  const receiving = { url: engine.deps.queueUrl('sample'), seconds: 60, mayGoOn: () => true };
  return { engine, bodies, act, receiving };
}

test.each([
  ['every message', { alone: 25, together: 0, after: 0 }, 25],
  ['of a pair whose first is the tenth of its batch, both', { alone: 9, together: 2, after: 14 }, 25],
  ['of a group, at most the ten that SQS shows', { alone: 3, together: 12, after: 0 }, 13],
])('%s are received once', async (_what, { alone, together, after }, expected) => {
  const { engine, bodies, act, receiving } = queueOf(alone);
  for (let n = 0; n < together; n++) engine.send(`of one group ${n}`, { group: 'one' });
  for (let n = 0; n < after; n++) engine.send(`behind ${n}`, { group: `h${n}` });

  expect(await receiveAll(engine.deps.queues, receiving, act)).toBe(true);
  expect([bodies.length, new Set(bodies).size]).toEqual([expected, expected]);
});

test('an empty answer does not end the walk, because SQS may have asked a server without messages', async () => {
  const { engine, bodies, act, receiving } = queueOf(5);
  const { queues } = engine.deps;
  let asked = 0;
  const receive: typeof queues.receive = async (...given) => (++asked % 2 === 1 ? [] : queues.receive(...given));

  await receiveAll({ ...queues, receive }, receiving, act);

  expect(bodies).toHaveLength(5);
});

test('a queue with too many messages in flight shows no more, and the walk ends', async () => {
  const { engine, bodies, act, receiving } = queueOf(25);
  const { queues } = engine.deps;
  const receive: typeof queues.receive = async (...given) => {
    if (bodies.length >= 9) throw new StoreError({ code: 'SQS.OverLimit', message: 'SQS refused: OverLimit' });
    return queues.receive(...given);
  };

  await receiveAll({ ...queues, receive }, receiving, act);

  expect(bodies).toHaveLength(9);
});

test('a failed receive ends the walk with its error', async () => {
  const { engine, act, receiving } = queueOf(1);
  const receive = () => Promise.reject(new StoreError({ code: 'SQS.Throttled', message: 'throttled' }));

  await expect(receiveAll({ ...engine.deps.queues, receive }, receiving, act)).rejects.toThrow('throttled');
});
