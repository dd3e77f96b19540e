import { StoreError } from '../../../lib/errors';
import { walkDeadLetters } from '../../../lib/reconcile/walk';
import { type EngineOptions, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

/** A queue with one message in each group. Its messages are only visited. */
function queueOf(count: number, options: EngineOptions = {}) {
  const engine = memoryEngine(() => sampleContract().contract, options);
  for (let n = 0; n < count; n++) engine.send(`message ${n}`, { group: `g${n}` });
  const url = engine.deps.queueUrl('sample');
  return { engine, url, depth: () => engine.deps.queues.depth(url) };
}

test.each([
  ['every message', { alone: 25, together: 0, after: 0 }, 25],
  ['of a pair whose first is the tenth of its batch, both', { alone: 9, together: 2, after: 14 }, 25],
  ['of a group, at most the ten that SQS shows', { alone: 3, together: 12, after: 0 }, 13],
])('%s are seen once and put back', async (_what, { alone, together, after }, expected) => {
  const { engine, url, depth } = queueOf(alone);
  for (let n = 0; n < together; n++) engine.send(`of one group ${n}`, { group: 'one' });
  for (let n = 0; n < after; n++) engine.send(`behind ${n}`, { group: `h${n}` });
  const bodies: string[] = [];

  const whole = await walkDeadLetters(engine.deps, url, ({ body }) => bodies.push(body) > 0);

  expect(whole).toBe(true);
  expect(bodies).toHaveLength(expected);
  expect(new Set(bodies).size).toBe(expected);
  expect(await depth()).toEqual({ visible: alone + together + after, inFlight: 0 });
});

test('a walk ends when it has found its message, and puts that message back too', async () => {
  const { engine, url, depth } = queueOf(25);
  let seen = 0;

  const whole = await walkDeadLetters(engine.deps, url, () => ++seen < 3);

  expect([whole, seen]).toEqual([true, 3]);
  expect(await depth()).toEqual({ visible: 25, inFlight: 0 });
});

test('an empty answer does not end the walk, because SQS may have asked a server without messages', async () => {
  const { engine, url } = queueOf(5);
  let asked = 0;
  const receive: typeof engine.deps.queues.receive = async (...parameters) =>
    ++asked % 2 === 1 ? [] : engine.deps.queues.receive(...parameters);
  let seen = 0;

  await walkDeadLetters({ ...engine.deps, queues: { ...engine.deps.queues, receive } }, url, () => ++seen > 0);

  expect(seen).toBe(5);
});

test('a walk that takes longer than it can hide messages reports that it is not whole', async () => {
  const { engine, url } = queueOf(25, {
    before: (call) => {
      if (call === 'queues.receive') engine.clock.advance(200_000);
    },
  });

  expect(await walkDeadLetters(engine.deps, url, () => true)).toBe(false);
});

test('messages that cannot be put back return when their visibility ends, and a walk that fails still puts back the rest', async () => {
  let receives = 0;
  let changes = 0;
  const { engine, url, depth } = queueOf(45, {
    before: (call) => {
      // Each full batch puts back its last group first, which is one message here.
      const fails =
        (call === 'queues.receive' && ++receives === 4) || (call === 'queues.changeVisibilityBatch' && ++changes === 4);
      if (fails) throw new StoreError({ code: 'SQS.Throttled', message: 'throttled' });
    },
  });

  await expect(walkDeadLetters(engine.deps, url, () => true)).rejects.toThrow('throttled');

  expect(await depth()).toEqual({ visible: 35, inFlight: 10 });
});

test('a queue with too many messages in flight shows no more, and the walk ends', async () => {
  const { engine, url } = queueOf(25);
  let seen = 0;
  const receive: typeof engine.deps.queues.receive = async (...parameters) => {
    if (seen >= 9) throw new StoreError({ code: 'SQS.OverLimit', message: 'SQS refused: OverLimit' });
    return engine.deps.queues.receive(...parameters);
  };

  await walkDeadLetters({ ...engine.deps, queues: { ...engine.deps.queues, receive } }, url, () => ++seen > 0);

  expect(seen).toBe(9);
});

test('no walk is whole if the queue holds more than SQS shows', async () => {
  const { engine, url } = queueOf(5);
  const depth = async () => ({ visible: 119_000, inFlight: 1_000 });

  const whole = await walkDeadLetters({ ...engine.deps, queues: { ...engine.deps.queues, depth } }, url, () => true);

  expect(whole).toBe(false);
});
