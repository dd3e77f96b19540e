import { StoreError } from '../../../lib/errors';
import { walkDeadLetters } from '../../../lib/reconcile/walk';
import { type EngineOptions, memoryEngine } from '../../support/engine';
import { sampleContract } from '../../support/sample-contract';

/** A queue with messages of one group each; only the looking at them is of interest. */
function queueOf(count: number, options: EngineOptions = {}) {
  const engine = memoryEngine(() => sampleContract().contract, options);
  for (let n = 0; n < count; n++) engine.send(`message ${n}`, { group: `g${n}` });
  const url = engine.deps.queueUrl('sample');
  return { engine, url, depth: () => engine.deps.queues.depth(url) };
}

test('every message is seen once and put back', async () => {
  const { engine, url, depth } = queueOf(25);
  const bodies: string[] = [];

  const whole = await walkDeadLetters(engine.deps, url, ({ body }) => bodies.push(body) > 0);

  expect(whole).toBe(true);
  expect(bodies).toHaveLength(25);
  expect(new Set(bodies).size).toBe(25);
  expect(await depth()).toEqual({ visible: 25, inFlight: 0 });
});

test('a walk ends where it has found what it looked for, and puts that back as well', async () => {
  const { engine, url, depth } = queueOf(25);
  let seen = 0;

  const whole = await walkDeadLetters(engine.deps, url, () => ++seen < 3);

  expect([whole, seen]).toEqual([true, 3]);
  expect(await depth()).toEqual({ visible: 25, inFlight: 0 });
});

test('of two messages in one group both are seen, though the first alone would have filled a receive', async () => {
  const { engine, url, depth } = queueOf(9);
  for (const body of ['tenth', 'eleventh']) engine.send(body, { group: 'pair' });
  for (let n = 11; n < 25; n++) engine.send(`message ${n}`, { group: `g${n}` });
  const bodies: string[] = [];

  await walkDeadLetters(engine.deps, url, ({ body }) => bodies.push(body) > 0);

  expect(bodies).toHaveLength(25);
  expect(new Set(bodies).size).toBe(25);
  expect(await depth()).toEqual({ visible: 25, inFlight: 0 });
});

test('a group of more than ten is seen as far as SQS shows it', async () => {
  const { engine, url } = queueOf(3);
  for (let n = 0; n < 12; n++) engine.send(`of one ${n}`, { group: 'one' });
  const bodies: string[] = [];

  await walkDeadLetters(engine.deps, url, ({ body }) => bodies.push(body) > 0);

  expect(new Set(bodies).size).toBe(13);
  expect(bodies).toHaveLength(13);
});

test('an empty answer is not yet the end: SQS may have asked a server that holds nothing', async () => {
  const { engine, url } = queueOf(5);
  let asked = 0;
  const receive: typeof engine.deps.queues.receive = async (...parameters) =>
    ++asked % 2 === 1 ? [] : engine.deps.queues.receive(...parameters);
  let seen = 0;

  await walkDeadLetters({ ...engine.deps, queues: { ...engine.deps.queues, receive } }, url, () => ++seen > 0);

  expect(seen).toBe(5);
});

test('a walk that takes longer than it can hide what it has seen says that it is not whole', async () => {
  const { engine, url } = queueOf(25, {
    before: (call) => {
      if (call === 'queues.receive') engine.clock.advance(200_000);
    },
  });

  expect(await walkDeadLetters(engine.deps, url, () => true)).toBe(false);
});

test('messages that cannot be put back come back when they would have; a walk that fails still puts back the rest', async () => {
  let receives = 0;
  let changes = 0;
  const { engine, url, depth } = queueOf(45, {
    before: (call) => {
      // Each full batch puts back its last group first, one message here.
      const fails =
        (call === 'queues.receive' && ++receives === 4) || (call === 'queues.changeVisibilityBatch' && ++changes === 4);
      if (fails) throw new StoreError({ code: 'SQS.Throttled', message: 'throttled' });
    },
  });

  await expect(walkDeadLetters(engine.deps, url, () => true)).rejects.toThrow('throttled');

  expect(await depth()).toEqual({ visible: 35, inFlight: 10 });
});

test('a queue with too many messages in flight shows no more, and the walk ends there', async () => {
  const { engine, url } = queueOf(25);
  let seen = 0;
  const receive: typeof engine.deps.queues.receive = async (...parameters) => {
    if (seen >= 9) throw new StoreError({ code: 'SQS.OverLimit', message: 'SQS refused: OverLimit' });
    return engine.deps.queues.receive(...parameters);
  };

  await walkDeadLetters({ ...engine.deps, queues: { ...engine.deps.queues, receive } }, url, () => ++seen > 0);

  expect(seen).toBe(9);
});

test('of a queue that holds more than SQS shows, no walk is whole', async () => {
  const { engine, url } = queueOf(5);
  const depth = async () => ({ visible: 119_000, inFlight: 1_000 });

  const whole = await walkDeadLetters({ ...engine.deps, queues: { ...engine.deps.queues, depth } }, url, () => true);

  expect(whole).toBe(false);
});

test('many messages are put back ten at a time', async () => {
  const calls: string[] = [];
  const { engine, url } = queueOf(90, { before: (call) => void calls.push(call) });

  await walkDeadLetters(engine.deps, url, () => true);

  // For each of the ten full receives one message that was cut off, and nine calls for all.
  expect(calls.filter((call) => call === 'queues.changeVisibilityBatch').length).toBeLessThan(20);
  expect(calls).not.toContain('queues.changeVisibility');
});
