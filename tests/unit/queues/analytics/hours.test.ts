import type { Objects } from '../../../../lib/platform/ports';
import { writeHours } from '../../../../lib/queues/analytics/hours';
import {
  dataKey,
  dataPrefix,
  HOUR_MS,
  hourIn,
  hourOf,
  hourStart,
  latePrefix,
  parquetPrefix,
  SETTLE_MS,
} from '../../../../lib/queues/analytics/keys';
import { fromParquet } from '../../../../lib/queues/analytics/parquet';
import { analyticsContract } from '../../../../lib/queues/analytics/process';
import { ACCEPTED_AT, analyticsBody, putOriginal, someEvents, viewAt } from '../../../support/analytics';
import { jobId, memoryEngine, PREFIX } from '../../../support/engine';

const HOUR = hourStart(Date.parse(ACCEPTED_AT));
const MINUTE = 60_000;
const DAY = 24 * HOUR_MS;
const SETTLED = HOUR + HOUR_MS + SETTLE_MS;

/** The worker, and the function that writes hours. */
function service() {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) => analyticsContract({ objects, prefix: PREFIX, metrics }));
  const { clock, lines, objects: bucket } = engine;
  /** Moves the clock to a time, ms since 1970. */
  const until = (at: number) => clock.advance(at - clock.now());
  until(HOUR + 5 * MINUTE);

  const made = {
    ...{ engine, clock, bucket, lines, until },
    limits: { onePartBytes: 1e6, mostBytes: 1e9, mostObjects: 1e6, block: 256 },
    /** The worker stores message n now. By default the producer accepted it in the hour of these tests. */
    store: (n: number, ids: [number, number], time = ACCEPTED_AT) =>
      engine.sendAndDeliver(analyticsBody(someEvents(...ids), { n, time })),
    run: (objects: Objects = bucket) =>
      writeHours({ ...engine.deps, ...made.limits, objects, columns: [] }, { remainingMs: 300_000 }),
    view: async () => (await viewAt(bucket, clock.now())).map(({ event_id }) => event_id).sort(),
    /** The ids of each Parquet object of the hour. */
    parquet: async () => {
      const keys = await bucket.list(hourIn(parquetPrefix(PREFIX), HOUR));
      const rows = await Promise.all(keys.map(async (key) => fromParquet(bucket.bytes(key))));
      return rows.map((of) => of.map(({ event_id }) => event_id).sort());
    },
  };
  return made;
}

const ids = (from: number, to: number): string[] =>
  someEvents(from, to)
    .map(({ id }) => id)
    .sort();

test('an hour is written a quarter of an hour after its end, and its originals stay', async () => {
  const { store, until, run, parquet, view, bucket } = service();
  await store(1, [1, 3]);
  await store(2, [4, 6]);
  const originals = await bucket.list(dataPrefix(PREFIX));

  until(SETTLED - 1);
  await run();
  expect(await parquet()).toEqual([]);
  until(SETTLED);
  await run();

  expect(await parquet()).toEqual([ids(1, 6)]);
  expect(await view()).toEqual(ids(1, 6));
  expect(await bucket.list(dataPrefix(PREFIX))).toEqual(originals);
  expect(await bucket.list(latePrefix(PREFIX))).toEqual([expect.stringMatching(/year=1970.*none/)]);
  // A second run reads no hour that is written.
  const unread = () => Promise.reject(new Error('an object was read'));
  await run({ ...bucket, get: unread, read: unread });
});

test('of an event that two messages hold, every run and every reader takes the one that was accepted first', async () => {
  const { store, until, run, bucket, clock } = service();
  await store(7, [1, 1], '2026-01-02T03:04:06.000Z');
  until(SETTLED);
  await run();
  const jobs = async () => (await viewAt(bucket, clock.now())).map(({ job_id }) => job_id);
  expect(await jobs()).toEqual([jobId(7)]);

  await store(8, [1, 1]);
  expect(await jobs()).toEqual([jobId(8)]);
  until(SETTLED + 10 * DAY);
  await run();
  expect(await jobs()).toEqual([jobId(8)]);
});

test('an id is a repeat only for the same user and session, in a message, in an hour and in the view', async () => {
  const { engine, until, run, parquet, view, lines } = service();
  const events = Array.from({ length: 100 }, (_, n) => ({
    ...someEvents(1, 1)[0],
    id: `${n % 5}`,
    user: `u-${n % 20}`,
  }));
  const sessions = events.map((event, n) => ({ ...event, session: `s-${Math.floor(n / 50)}` }));
  await engine.sendAndDeliver(analyticsBody(sessions, { time: ACCEPTED_AT }));
  await engine.sendAndDeliver(analyticsBody(sessions.slice(0, 10), { n: 2, time: ACCEPTED_AT }));

  until(SETTLED);
  await run();

  // Each user has one id in each of two sessions, and repeats it there.
  expect(lines.map(({ facts }) => facts)).toContainEqual(expect.objectContaining({ count: 40 }));
  expect((await parquet()).flat()).toHaveLength(40);
  expect(await view()).toHaveLength(40);
});

/** An hour with one message, when it has been written. */
async function written() {
  const made = service();
  await made.store(1, [1, 3]);
  made.until(SETTLED);
  await made.run();
  return made;
}

test('a run that reads an object which another run then changes reads it again', async () => {
  const { bucket, store, until, run, parquet } = await written();
  await store(2, [4, 6]);
  until(SETTLED + HOUR_MS);
  let other = async () => {
    other = async () => {};
    // It saw a message of which the original has expired since then.
    await store(3, [7, 9]);
    const elsewhere = service();
    elsewhere.until(SETTLED + HOUR_MS);
    await elsewhere.run(bucket);
    await bucket.delete(dataKey(PREFIX, { time: HOUR, id: jobId(3) }));
  };

  await run({ ...bucket, replace: async (...given) => other().then(() => bucket.replace(...given)) });

  expect(await parquet()).toEqual([ids(1, 9)]);
});

test('a large hour becomes eight objects by the id, and an hour that grows later keeps its first one', async () => {
  const { limits, store, until, run, parquet, view } = await written();
  limits.onePartBytes = 1_000;
  await store(2, [4, 60]);
  until(SETTLED + HOUR_MS);
  await run();

  const [first, ...others] = (await parquet()).sort((a, b) => a.length - b.length);
  expect([first, ...others].flat()).toHaveLength(3 + 60);
  expect(await parquet()).toHaveLength(9);
  expect(await view()).toEqual(ids(1, 60));
  until(HOUR + 10 * DAY);
  expect(await view()).toEqual(ids(1, 60));

  // Late again, and small by now: the eight objects stay in use.
  limits.onePartBytes = 1e6;
  await store(3, [61, 62]);
  until(HOUR + 11 * DAY);
  await run();
  expect((await parquet()).flat()).toHaveLength(3 + 62);
  expect(await view()).toEqual(ids(1, 62));
});

test('an hour that takes several runs lets later hours go first, goes on where it stopped, and takes what comes late', async () => {
  const { bucket, store, until, run, parquet, clock, limits } = service();
  limits.block = 2;
  for (let n = 2; n <= 31; n++) await putOriginal(bucket, someEvents(n, n), { n });
  until(SETTLED);
  // Of 30 reads 22 fit into a run.
  const slow = { ...bucket, get: (key: string) => bucket.get(key).finally(() => clock.advance(10_000)) };
  await run(slow);
  const first = (await parquet()).flat().length;
  expect(first).toBeGreaterThan(20);
  expect(first).toBeLessThan(30);

  // A key before those that were read.
  await store(1, [5_001, 5_002]);
  await store(9_001, [6_001, 6_001], new Date(HOUR + HOUR_MS).toISOString());
  until(SETTLED + HOUR_MS);
  const order: string[] = [];
  const second = run({ ...slow, get: (key) => slow.get(key).finally(() => /gz$/.test(key) && order.push(key)) });
  await expect(second).rejects.toThrow('waited for long: 2026-01-02T03');
  expect(hourOf(order[0] ?? '')).toBe(HOUR + HOUR_MS);
  expect(order.length).toBeLessThan(12);
  expect(new Set((await parquet()).flat()).size).toBe(30);

  for (let again = 0; again < 3; again++) await run(slow).catch(() => {});
  expect(new Set((await parquet()).flat())).toEqual(new Set([...ids(2, 31), ...ids(5_001, 5_002)]));
  await run({ ...bucket, get: () => Promise.reject(new Error('an original was read')) });
});

test('a damaged original is logged and the others are written; it counts again once it is restored', async () => {
  const { bucket, store, until, run, parquet, lines, clock } = service();
  await store(1, [1, 3]);
  await store(2, [4, 6]);
  const key = dataKey(PREFIX, { time: HOUR, id: jobId(1) });
  const whole = bucket.bytes(key);
  await bucket.put(key, whole.slice(0, 50), 'application/gzip');
  until(SETTLED);

  await run();
  expect(await parquet()).toEqual([ids(4, 6)]);
  expect(lines.map(({ facts }) => facts)).toContainEqual({ code: 'OriginalDamaged', key });
  clock.advance(HOUR_MS + MINUTE);
  await expect(run()).rejects.toThrow('1 hours of events have waited for long: 2026-01-02T03');

  await bucket.put(key, whole, 'application/gzip');
  await run();
  expect(await parquet()).toEqual([ids(1, 6)]);
  await run();
});

test('a damaged Parquet object stays unchanged, and later hours are written', async () => {
  const { bucket, store, until, run, parquet, clock } = await written();
  await store(2, [4, 6]);
  await store(3, [7, 9], new Date(SETTLED).toISOString());
  until(SETTLED + HOUR_MS);
  const [key = ''] = await bucket.list(hourIn(parquetPrefix(PREFIX), HOUR));
  const whole = bucket.bytes(key);
  await bucket.put(key, 'damaged', 'text/plain');

  await run();
  expect(bucket.text(key)).toBe('damaged');
  expect(await bucket.list(hourIn(parquetPrefix(PREFIX), SETTLED))).toHaveLength(1);
  clock.advance(HOUR_MS + MINUTE);
  await expect(run()).rejects.toThrow('1 hours of events have waited for long: 2026-01-02T03');

  await bucket.put(key, whole, 'text/plain');
  await run();
  expect(await parquet()).toEqual([ids(1, 6)]);
});

test('objects that are not ours stop nothing and stay', async () => {
  const { bucket, store, until, run, parquet } = service();
  const foreign = [dataPrefix, latePrefix, parquetPrefix].map((folder) => `${folder(PREFIX)}README.txt`);
  for (const key of foreign) await bucket.put(key, 'x', 'text/plain');
  await bucket.put(`${hourIn(parquetPrefix(PREFIX), HOUR)}from-athena`, 'x', 'text/plain');
  await store(1, [1, 3]);
  until(SETTLED);

  await run();

  expect(await bucket.list(hourIn(parquetPrefix(PREFIX), HOUR))).toHaveLength(2);
  await bucket.delete(`${hourIn(parquetPrefix(PREFIX), HOUR)}from-athena`);
  expect(await parquet()).toEqual([ids(1, 3)]);
  expect(foreign.every((key) => bucket.keys().includes(key))).toBe(true);
});

test.each([
  ['bytes', { mostBytes: 1_000 }],
  ['originals', { mostObjects: 1 }],
])(
  'an hour with too many %s is left to a query engine, reported for the days in which the view shows it, and stops no later one',
  async (_what, most) => {
    const { engine, limits, store, until, run } = service();
    Object.assign(limits, most);
    await store(1, [1, 60]);
    await store(3, [70, 70]);
    await store(2, [61, 61], new Date(HOUR + HOUR_MS).toISOString());
    until(SETTLED + HOUR_MS);

    await run();
    const written = [HOUR, HOUR + HOUR_MS].map((hour) => engine.objects.list(hourIn(parquetPrefix(PREFIX), hour)));
    expect((await Promise.all(written)).map((keys) => keys.length)).toEqual([0, 1]);
    for (let minute = 0; minute < 3; minute++) await engine.reconcile();
    const on = { fact: 'hour-too-large', code: '2026-01-02T03', on: true };
    expect(engine.facts).toMatchObject([on]);

    engine.clock.advance(3 * DAY);
    await run();
    await engine.reconcile();
    await engine.reconcileAfter(16 * MINUTE);
    expect(engine.facts).toMatchObject([on, { ...on, on: false }]);
  },
);
