import { gzipSync } from 'node:zlib';
import { type Counts, countsIn, writeCounts } from '../../../../lib/queues/analytics/counts';
import { writeHours } from '../../../../lib/queues/analytics/hours';
import { countsKey, HOUR_MS, hourIn, hourStart, parquetPrefix, SETTLE_MS } from '../../../../lib/queues/analytics/keys';
import { ACCEPTED_AT, anEvent, putOriginal, someEvents } from '../../../support/analytics';
import { memoryEngine, PREFIX } from '../../../support/engine';

const HOUR = hourStart(Date.parse(ACCEPTED_AT));
const ADDRESS = 'someone@example.com';

/** An hour that the function writes when `run` is called. */
function service() {
  const engine = memoryEngine(() => ({ queue: 'analytics', types: {} }));
  const { clock, objects: bucket } = engine;
  clock.advance(HOUR + HOUR_MS + SETTLE_MS - clock.now());
  const made = {
    ...{ bucket, deps: { ...engine.deps, objects: bucket } },
    limits: { onePartBytes: 1e6, mostBytes: 1e9, mostObjects: 1e6, block: 256 },
    run: (objects = bucket) =>
      writeHours({ ...engine.deps, ...made.limits, objects, columns: [] }, { remainingMs: 300_000 }),
    /** Something came late, so the next run writes the hour again. */
    late: async (n: number, events: unknown[]) => {
      const key = await putOriginal(bucket, events, { n });
      const late = key.replace('-originals/', '-late/').replace('hour=03/', 'hour=04/2026010203-');
      await bucket.put(late, bucket.bytes(key), 'application/gzip');
      clock.advance(HOUR_MS);
    },
    counts: async () => {
      const parts = await bucket.list(hourIn(parquetPrefix(PREFIX), HOUR));
      return countsIn(await bucket.get(countsKey(PREFIX, HOUR)), parts.length);
    },
  };
  return made;
}

const named = (from: number, to: number, name: string) => someEvents(from, to).map((event) => ({ ...event, name }));

test.each([
  ['one object', 1e6],
  ['eight objects', 100],
])(
  'beside an hour in %s are exact counts: each event once, users, names, and rejected events by rule',
  async (_what, onePartBytes) => {
    const { bucket, run, counts, limits } = service();
    limits.onePartBytes = onePartBytes;
    const rejected = [anEvent(90, { user: ADDRESS }), anEvent(91, { device: ADDRESS }), { id: 'bad' }];
    await putOriginal(bucket, [...someEvents(1, 20), ...rejected, anEvent(30, { user: undefined })]);
    await putOriginal(bucket, [...someEvents(11, 20), ...named(21, 24, 'purchase')], { n: 2 });

    await run();

    expect(await counts()).toMatchObject({
      ...{ events: 25, users: 7, others: 0 },
      names: [
        ['screen_viewed', 21],
        ['purchase', 4],
      ],
      rejected: [
        ['must not look like a mail address', 2],
        [expect.any(String), 1],
      ],
    });
    const text = bucket.text(countsKey(PREFIX, HOUR));
    expect(text).not.toMatch(/user-|someone|session-/);
  },
);

test('an hour that is written anew is counted anew', async () => {
  const { bucket, run, counts, late } = service();
  await putOriginal(bucket, someEvents(1, 3));
  await run();
  expect(await counts()).toMatchObject({ events: 3, users: 3, rejected: [] });

  await late(2, [...someEvents(3, 5), { id: 'bad' }]);
  await run();

  expect(await counts()).toMatchObject({ events: 5, users: 5, rejected: [[expect.any(String), 1]] });
});

test('of more than 200 names the most frequent ones are kept, and the rest is one figure', async () => {
  const { bucket, run, counts } = service();
  const rare = Array.from({ length: 250 }, (_, n) => anEvent(n + 10, { name: `rare ${n}` }));
  await putOriginal(bucket, [...rare, ...someEvents(1, 3)]);

  await run();

  const { names = [], others, events } = (await counts()) as Counts;
  expect([names.length, names[0], others, events]).toEqual([200, ['screen_viewed', 3], 51, 253]);
});

test('an hour is not counted while its counters are missing or damaged, or its Parquet is not ours alone', async () => {
  const { bucket, run, counts, late, limits } = service();
  await putOriginal(bucket, someEvents(1, 3));
  await run();
  const parts = hourIn(parquetPrefix(PREFIX), HOUR);
  expect(countsIn(undefined, 1)).toBeUndefined();
  for (const text of ['', '{', '{}', '{"events":0}']) expect(countsIn(Buffer.from(text), 1)).toBeUndefined();

  await bucket.put(`${parts}written-by-hand.parquet`, 'x', 'text/plain');
  expect(await counts()).toBeUndefined();
  await bucket.delete(`${parts}written-by-hand.parquet`);
  expect(await counts()).toMatchObject({ events: 3 });
  // Its first object stays beside the eight, and has events that they have too.
  limits.onePartBytes = 100;
  await late(2, someEvents(4, 6));
  await run();
  expect(await counts()).toBeUndefined();
});

test('who counted what another run has changed since then counts again', async () => {
  const { bucket, deps, run, counts, late } = service();
  await putOriginal(bucket, someEvents(1, 3));
  await run();
  await late(2, someEvents(4, 6));
  let other: (() => Promise<unknown>) | undefined = run;
  const get = async (key: string) => {
    const bytes = await bucket.get(key);
    const act = key.endsWith('.parquet') ? other : undefined;
    if (act) other = undefined;
    await act?.();
    return bytes;
  };

  await writeCounts({ ...deps, objects: { ...bucket, get } }, HOUR);

  expect(await counts()).toMatchObject({ events: 6 });
});

test('rejected events that cannot be read in time, or whose object is damaged, are not counted', async () => {
  const { bucket, deps, run, counts } = service();
  const key = await putOriginal(bucket, [...someEvents(1, 3), { id: 'bad' }]);
  await run();
  await writeCounts({ ...deps, mayRead: () => false }, HOUR);
  expect(await counts()).toMatchObject({ events: 3 });
  expect(await counts()).not.toHaveProperty('rejected');

  await bucket.put(key.replace('-originals/', '-rejected/'), gzipSync('{'), 'application/gzip');
  await writeCounts(deps, HOUR);
  expect(await counts()).not.toHaveProperty('rejected');
});
