import fc from 'fast-check';
import { parseEnvelope } from '../../../lib/engine/jobs/envelope';
import { InvalidJobError } from '../../../lib/engine/submit/errors';
import { realClock } from '../../../lib/platform/aws/system';
import { StoreError } from '../../../lib/platform/errors';
import { groupBy } from '../../../lib/platform/group-by';
import type { BatchEntry, BatchQueues, OutgoingMessage } from '../../../lib/platform/ports';
import { createSqsModel } from '../../../packages/local/sqs/model';
import { clientOf } from '../../../packages/producer/client';
import { createTracker, packingLimits, type UnsentEventsError } from '../../../packages/producer/tracker';
import { anEvent, someEvents } from '../../support/analytics';
import { controlledClock } from '../../support/controlled-clock';
import { memoryRandom } from '../../support/memory-clock';
import { memoryQueues } from '../../support/memory-queues';
import { memoryProducerDeps } from '../../support/producer';

const QUEUE = 'my-analytics.fifo';
let started = 0;
const idle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Longer than any time-out of these tests. */
const HANGS_MS = 60_000;

/** A tracker with the SQS model. `fail` names the refused entries of the n-th batch, or what happens to all of it. */
function start(
  options: Parameters<typeof createTracker>[1] = {},
  fail: (batch: number) => number[] | 'refused' | 'lost' | 'hangs' = () => [],
) {
  const clock = controlledClock(Date.parse('2026-01-02T03:04:05.000Z'));
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      clock.setTimeout(() => resolve(), ms);
      signal?.addEventListener('abort', () => resolve());
    });
  const model = createSqsModel({ now: clock.now, uuid: () => crypto.randomUUID() });
  const perGroup = { DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' };
  model.createQueue({ QueueName: QUEUE, Attributes: { FifoQueue: 'true', ...perGroup } });
  const real = memoryQueues(model);
  const batches: OutgoingMessage[][] = [];
  const queues: BatchQueues = {
    async sendBatch(url, messages) {
      const failing = fail(batches.length);
      batches.push(messages);
      if (failing === 'hangs') await sleep(HANGS_MS);
      if (failing === 'refused' || failing === 'hangs') throw new StoreError({ code: 'SQS.Down', message: 'refused' });
      if (failing === 'lost') {
        await real.sendBatch(url, messages);
        throw new StoreError({ code: 'SQS.TimeoutError', message: 'no answer' });
      }
      const taken = messages.filter((_, index) => !failing.includes(index));
      const sent = taken.length > 0 ? await real.sendBatch(url, taken) : [];
      return messages.map(
        (_, index): BatchEntry =>
          failing.includes(index) ? { sent: false, code: 'SQS.Throttled' } : (sent.shift() as BatchEntry),
      );
    },
  };
  const tracker = createTracker(
    {
      ...memoryProducerDeps().deps,
      ...{ queues, clock: { now: clock.now, sleep }, random: memoryRandom(++started) },
      queueUrl: () => `https://sqs.us-east-1.amazonaws.com/000000000000/${QUEUE}`,
    },
    options,
  );
  const messages = () =>
    model.messages(QUEUE).map(({ body, groupId }) => {
      const envelope = parseEnvelope(body);
      return { ...envelope, groupId, events: (envelope.data as { events: { id: string; session: string }[] }).events };
    });
  /** Advances the clock until no timer is left. */
  const run = async <T>(until: Promise<T>): Promise<T> => {
    let over = false;
    const done = Promise.allSettled([until]).then(() => (over = true));
    for (let n = 0; n < 10_000 && !over; n++) {
      await idle();
      const next = clock.nextAt();
      if (!over && next !== undefined) clock.advance(next - clock.now());
    }
    await done;
    return until;
  };
  return { clock, tracker, messages, batches, run };
}

test('a few events wait no longer than the maximum age', async () => {
  const { tracker, messages, clock } = start({ shards: 1, maxAgeMs: 2_000 });
  // SQS refuses these characters in a body.
  const properties = { text: 'a\uffffb\ufffec\u0001' };
  await tracker.track(anEvent(1, { properties }));

  clock.advance(1_999);
  await idle();
  expect(messages()).toEqual([]);
  clock.advance(1);
  await idle();

  expect(messages()).toMatchObject([{ events: [{ properties }] }]);
});

type Sent = ReturnType<ReturnType<typeof start>['messages']>;

/** SQS has the events of each session in the order in which they were tracked. */
function expectSessionsInOrder(messages: Sent): void {
  const events = messages.flatMap((message) => message.events);
  for (const [, session] of groupBy(events, (event) => event.session)) {
    const numbers = session.map(({ id }) => Number(id.slice('event-'.length)));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  }
}

test('messages that are full before their age double the shards, sparse ones halve them, and sessions keep their order', async () => {
  const { tracker, messages, run, clock } = start({ shards: 4, maxEvents: 5 });
  const groups = (from: number) =>
    new Set(
      messages()
        .slice(from)
        .map(({ groupId }) => groupId),
    ).size;

  for (const event of someEvents(1, 100)) await tracker.track(event);
  await run(tracker.flush());
  expect(groups(-6)).toBe(4);
  expect(messages().filter(({ events }) => events.length === 5).length).toBeGreaterThan(15);

  // One event at a time, until as many as one message holds come in one again.
  for (let n = 101; n <= 103; n++) {
    await tracker.track(anEvent(n));
    clock.advance(15_000);
    await idle();
  }
  const before = messages().length;
  for (let n = 104; n <= 107; n++) await tracker.track(anEvent(n));
  await run(tracker.flush());

  expect(messages().slice(before)).toMatchObject([{ groupId: 'shard-0', events: { length: 4 } }]);
  expectSessionsInOrder(messages());
  for (const { groupId, partitionkey } of messages()) expect(partitionkey).toBe(groupId);
});

const LARGE = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`p${n}`, '\u0001'.repeat(2_000)]));
const NO_OBJECT = { field: '', message: 'event: must be an object' };
test('an event has the time at which it was tracked, not that of its message', async () => {
  const { tracker, messages, run, clock } = start();
  await tracker.track(anEvent(1));
  const received = new Date(clock.now()).toISOString();
  clock.advance(9_000);
  await run(tracker.flush());

  expect(messages()).toMatchObject([{ time: '2026-01-02T03:04:14.000Z', events: [{ id: 'event-1', received }] }]);
});

test.each<[string, unknown, object]>([
  ['with a time of receipt', { ...anEvent(1), received: '2026-01-02T03:04:05Z' }, { field: 'received' }],
  ['by a rule', anEvent(1, { properties: { p: Number.NaN } }), { field: 'properties.p' }],
  ['for its bytes', anEvent(1, { properties: LARGE }), { field: '' }],
  ['as a text', 'abc', NO_OBJECT],
  ['as a long text', 'x'.repeat(1_000_000), NO_OBJECT],
  ['as a list', [anEvent(1)], NO_OBJECT],
])('an event that is not valid is refused %s, and nothing is sent', async (_what, event, problem) => {
  const { tracker, messages, run } = start();

  const refused = tracker.track(event as never);

  await expect(refused).rejects.toMatchObject({ constructor: InvalidJobError, problems: [problem] });
  await run(tracker.flush());
  expect(messages()).toEqual([]);
});

test('of many unknown fields 20 are named, and the others counted', async () => {
  const odd = Object.fromEntries(Array.from({ length: 23 }, (_, n) => [`field${n}`, 1]));
  const rule = 'must be left out, because there is no such field';
  const named = Array.from({ length: 20 }, (_, n) => `field${n}: ${rule}; `).join('');

  await expect(start().tracker.track(anEvent(1, odd))).rejects.toThrow(`${named}(body): has 3 more unknown fields`);
});

test('a batch has at most ten messages, one per group, and no more bytes than SQS accepts', async () => {
  const { tracker, batches, run } = start({ shards: 30, maxEvents: 1_000, maxBytes: 150_000 });

  for (const event of someEvents(1, 20_000)) await tracker.track({ ...event, session: `s-${event.id}` });
  await run(tracker.flush());

  for (const batch of batches) {
    expect(batch.length).toBeLessThanOrEqual(10);
    expect(new Set(batch.map(({ groupId }) => groupId)).size).toBe(batch.length);
    const sizes = batch.map(({ body }) => Buffer.byteLength(body));
    expect(Math.max(...sizes)).toBeLessThan(150_500);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(1024 * 1024);
  }
  expect(batches.length).toBeLessThan(20);
});

test('every event is sent once and in order despite failures, in messages with numbers from 1 of a new source', async () => {
  const sources: string[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.oneof(fc.constantFrom('refused', 'lost'), fc.subarray([0, 1, 2, 3, 4])), { maxLength: 12 }),
      async (shards, count, faults) => {
        const { tracker, messages, run } = start({ shards, maxEvents: 3 }, (batch) => faults[batch] ?? []);

        for (const event of someEvents(1, count)) await tracker.track(event);
        await run(tracker.close({ timeoutMs: 200_000 }));

        const ids = messages().flatMap(({ events }) => events.map(({ id }) => id));
        expect(ids.toSorted()).toEqual(Array.from({ length: count }, (_, n) => `event-${n + 1}`).toSorted());
        const rising = messages().toSorted((a, b) => Number(a.sequence) - Number(b.sequence));
        expect(rising.map(({ sequence }) => sequence)).toEqual(rising.map((_, place) => `${place + 1}`));
        for (const [groupId, group] of groupBy(messages(), (message) => message.groupId))
          expect(group).toEqual(rising.filter((message) => message.groupId === groupId));
        expectSessionsInOrder(messages());
        expect(new Set(rising.map(({ source }) => source))).toEqual(new Set([rising[0]?.source]));
        expect(sources).not.toContain(rising[0]?.source);
        sources.push(rising[0]?.source ?? '');
      },
    ),
    { numRuns: 60 },
  );
});

test('a caller waits while too much is unsent, and the events keep their order', async () => {
  let down = true;
  const { tracker, messages, run } = start({ shards: 1, maxEvents: 5, maxBacklogBytes: 3_000 }, () =>
    down ? 'refused' : [],
  );
  let taken = 0;

  const tracks = someEvents(1, 100).map((event) => tracker.track(event).then(() => taken++));
  await idle();
  const before = taken;
  down = false;
  await run(Promise.all(tracks));
  await run(tracker.flush());

  expect(before).toBeGreaterThan(5);
  expect(before).toBeLessThan(40);
  const ids = messages().flatMap(({ events }) => events.map(({ id }) => id));
  expect(ids).toEqual(someEvents(1, 100).map(({ id }) => id));
});

const outage = { name: 'StoreError', code: 'SQS.Down' };
const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

test('while SQS takes nothing, a flush ends after ten seconds and says why, and the events are still sent later', async () => {
  let down = true;
  const { tracker, messages, run, clock } = start({}, () => (down ? 'refused' : []));
  await tracker.track(anEvent(1));
  const from = clock.now();

  expect(await run(failure(tracker.flush()))).toMatchObject(outage);
  expect(clock.now() - from).toBe(10_000);
  down = false;
  await run(tracker.flush());

  expect(messages().flatMap(({ events }) => events)).toMatchObject([{ id: 'event-1' }]);
});

test('while SQS takes nothing, an event that waits for room is refused, and is not sent later', async () => {
  let down = true;
  const { tracker, messages, run } = start({ maxBacklogBytes: 1 }, () => (down ? 'refused' : []));
  await tracker.track(anEvent(1));

  expect(await run(failure(tracker.track(anEvent(2))))).toMatchObject(outage);
  down = false;
  await run(tracker.flush());
  await tracker.track(anEvent(3));
  await run(tracker.flush());

  expect(messages().flatMap(({ events }) => events.map(({ id }) => id))).toEqual(['event-1', 'event-3']);
});

test('callers that do not wait for room are refused once 10,000 wait, and the others are taken in order', async () => {
  let down = true;
  const { tracker, messages, run } = start({ maxBacklogBytes: 1, shards: 1 }, () => (down ? 'refused' : []));

  const ends = Promise.allSettled(someEvents(1, 10_003).map((event) => tracker.track(event)));
  down = false;
  await run(Promise.all([ends, tracker.flush()]));
  await run(tracker.flush());

  const refused = (await ends).filter(({ status }) => status === 'rejected');
  expect(refused).toMatchObject(Array(2).fill({ reason: { code: 'Producer.TooManyWaiting' } }));
  const ids = messages().flatMap(({ events }) => events.map(({ id }) => id));
  expect(ids).toEqual(someEvents(1, 10_001).map(({ id }) => id));
});

test('closing tries again at once during a pause, and waits as long as it may', async () => {
  let down = true;
  const { tracker, batches, messages, run, clock } = start({}, () => (down ? 'refused' : []));
  await tracker.track(anEvent(1));
  await run(tracker.flush().catch(() => {}));
  const [from, tries] = [clock.now(), batches.length];

  const closed = tracker.close({ timeoutMs: Number.POSITIVE_INFINITY });
  await idle();
  expect(batches.length).toBe(tries + 1);
  down = false;
  await run(closed);

  expect(clock.now() - from).toBeGreaterThan(1_000);
  expect(messages()).toHaveLength(1);
});

test('an event that is not awaited and not taken ends no process: it is counted by its rule, in the log and for the service', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on('unhandledRejection', note);
  const { deps, clock, lines, model } = memoryProducerDeps();
  model.createQueue({ QueueName: QUEUE, Attributes: { FifoQueue: 'true' } });
  const still = { now: clock.now, sleep: () => new Promise<void>(() => {}) };
  const seen: unknown[] = [];
  const make = (more: object) =>
    clientOf(async () => ({ ...deps, queueUrl: () => `https://sqs.us-east-1.amazonaws.com/000000000000/${QUEUE}` }), {
      ...{ analytics: packingLimits.parse({}), clock: still, marksAfterAnswer: false, log: deps.log, ...more },
    });
  const producer = make({});
  const own = make({ onRejected: (error: Error, event: object) => Promise.reject(seen.push([error.name, event])) });
  const old = { ...anEvent(1), time: '2019-01-02T03:04:05.000Z' };

  for (const event of [old, old, null, anEvent(2), { ...old, other: 1 }]) void producer.track(event as never);
  void own.track(old);
  await idle();
  await producer.close();
  void producer.track(anEvent(3));
  await idle();
  process.off('unhandledRejection', note);

  expect(unhandled).toEqual([]);
  expect(seen).toEqual([['InvalidJobError', old]]);
  const told = lines.filter(({ message }) => message === 'events were not taken').map(({ facts }) => facts);
  expect(told).toEqual([
    { 'time: must be at most 90 days in the past': 1 },
    {
      ...{ 'time: must be at most 90 days in the past': 1, 'event: must be an object': 1 },
      'other: must be left out, because there is no such field': 1,
    },
  ]);
  expect(model.messages(QUEUE).map(({ body }) => parseEnvelope(body).refused)).toEqual(['4']);
});

test.each<[string, object, object]>([
  [
    'an undefined property and a Date',
    { properties: { ref: undefined, at: new Date(0) } },
    { properties: { at: '1970-01-01T00:00:00.000Z' } },
  ],
  ['an offset without a colon', { time: '2026-01-02T03:04:05.5+0100' }, { time: '2026-01-02T03:04:05.5+01:00' }],
  ['a Date as time', { time: new Date('2026-01-02T03:04:05Z') }, { time: '2026-01-02T03:04:05.000Z' }],
  ['null and empty texts', { user: null, device: '', app: ' ', schema: null }, {}],
  [
    'controls and half an emoji',
    { app: '2.4\n', properties: { a: 'x\ud83d', b: 'y\u0000z' } },
    { app: '2.4', properties: { a: 'x', b: 'y z' } },
  ],
])('an event with %s is taken in the form of the rules', async (_, changes, expected) => {
  const { tracker, messages, run } = start();
  const { id, name, time, session } = anEvent(1);

  await tracker.track({ id, name, time, session, ...changes } as never);
  await run(tracker.flush());

  expect(messages()[0]?.events).toEqual([{ id, name, time, session, ...expected, received: expect.any(String) }]);
  await expect(tracker.track({ id, name, time, other: null } as never)).rejects.toThrow('other: must be left out');
});

test('a sleep without end does not end at once', async () => {
  const woken = new AbortController();
  const asleep = realClock.sleep(Number.POSITIVE_INFINITY, woken.signal).then(() => 'ended');

  expect(await Promise.race([asleep, realClock.sleep(20)])).toBeUndefined();
  woken.abort();
  await asleep;
});

test('closing ends within its time-out, whatever SQS does, and returns each message that SQS may not have', async () => {
  const outcome = fc.constantFrom('refused' as const, 'lost' as const, 'hangs' as const, []);
  await fc.assert(
    fc.asyncProperty(
      fc.array(outcome, { maxLength: 10 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      async (outcomes, before, timeoutMs) => {
        const fail = (batch: number) => outcomes[batch] ?? [];
        const { tracker, messages, run, clock } = start({ shards: 2, maxEvents: 2 }, fail);
        for (const event of someEvents(1, 9)) await tracker.track(event);
        await idle();
        clock.advance(before);
        await idle();
        const from = clock.now();

        const returned = await run(tracker.close({ timeoutMs }).catch((error: UnsentEventsError) => error.messages));

        expect(clock.now() - from).toBeLessThanOrEqual(timeoutMs);
        const unsent = (returned ?? []).map(({ body }) => parseEnvelope(body).data as { events: { id: string }[] });
        const known = [...messages(), ...unsent].flatMap(({ events }) => events.map(({ id }) => id));
        expect(new Set(known).size).toBe(9);
      },
    ),
    { numRuns: 100 },
  );
});
