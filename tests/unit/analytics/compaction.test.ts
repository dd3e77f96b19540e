import { compaction } from '../../../lib/analytics/compaction';
import { compactedPrefix, dataPrefix, manifestPrefix, nameOf } from '../../../lib/analytics/keys';
import { readManifests } from '../../../lib/analytics/manifest';
import { visibleObjects } from '../../../lib/analytics/view';
import type { Objects } from '../../../lib/ports';
import { type Line, linesOf, putOriginal, someEvents } from '../../support/analytics';
import { PREFIX, watch } from '../../support/engine';
import { createKills } from '../../support/kills';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryObjects } from '../../support/memory-objects';
import { memoryTable } from '../../support/memory-table';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const GRACE = 15 * MINUTE;
const HOUR = Date.parse('2026-01-02T03:00:00Z');
const END = HOUR + 60 * MINUTE;

function start({ targetBytes = 2_000 }: { targetBytes?: number } = {}) {
  const clock = memoryClock(END + 15 * MINUTE);
  const bucket = memoryObjects({ now: clock.now });
  const table = memoryTable();
  const kills = createKills();
  const lines: string[] = [];
  const log = (message: string) => void lines.push(message);
  const run = {
    objects: watch(bucket, 'objects', kills),
    table: watch(table, 'table', kills),
    clock,
    random: memoryRandom(),
    log: { info: log, warn: log, error: log },
    prefix: PREFIX,
    settleAfterMs: 15 * MINUTE,
    graceMs: GRACE,
    targetBytes,
  };
  const compact = () => compaction(run, { remainingMs: 60_000 });
  const keys = (prefix: string) => bucket.keys().filter((key) => key.startsWith(prefix));
  const seen = async (at = clock.now(), objects: Objects = bucket): Promise<Line[]> =>
    linesOf(objects, await visibleObjects({ objects, prefix: PREFIX }, { hour: HOUR, at }));
  /** The compacted objects that the manifest names, and those that it does not name. */
  const merged = async () => {
    const { entries } = await readManifests({ objects: bucket, prefix: PREFIX }, HOUR);
    const names = new Set(entries.map(({ object }) => object));
    const all = keys(compactedPrefix(PREFIX));
    return { named: names.size, unnamed: all.filter((key) => !names.has(nameOf(key) ?? '')).length };
  };
  return { clock, bucket, kills, compact, keys, seen, merged, lines };
}

/** The ids of events 1 to `count`, each once. */
const each = (count: number) => someEvents(1, count).map(({ id }) => id);
const ids = (lines: Line[]) => lines.map(({ id }) => id).toSorted((a, b) => Number(a.slice(6)) - Number(b.slice(6)));

/** Puts messages 1 to `count` with five events each. */
async function fill(bucket: Objects, count: number, from = 1): Promise<void> {
  for (let n = from; n < from + count; n++) await putOriginal(bucket, someEvents(5 * n - 4, 5 * n), { n });
}

test('compaction turns an hour that is over into a few objects with every line unchanged', async () => {
  const { clock, bucket, compact, keys, seen } = start({ targetBytes: 1_000_000 });
  await fill(bucket, 20);
  const before = await seen();

  await compact();
  clock.advance(2 * GRACE);
  await compact();

  expect(keys(dataPrefix(PREFIX))).toEqual([]);
  expect(keys(compactedPrefix(PREFIX))).toHaveLength(1);
  expect(keys(manifestPrefix(PREFIX))).toHaveLength(1);
  expect(await seen()).toEqual(before);
  expect(ids(before)).toEqual(each(100));
});

test('an hour that may still get messages is left alone', async () => {
  const { clock, bucket, compact, keys } = start();
  await fill(bucket, 3);
  clock.advance(END + 15 * MINUTE - 1 - clock.now());

  await compact();

  expect(keys(compactedPrefix(PREFIX))).toEqual([]);
  clock.advance(1);
  await compact();
  expect(keys(compactedPrefix(PREFIX))).not.toEqual([]);
});

test('the originals stay for as long as a reader may still use them', async () => {
  const { clock, bucket, compact, keys } = start();
  await fill(bucket, 3);
  await compact();

  clock.advance(2 * GRACE - 1);
  await compact();
  const early = keys(dataPrefix(PREFIX)).length;
  clock.advance(1);
  await compact();

  expect(early).toBe(3);
  expect(keys(dataPrefix(PREFIX))).toEqual([]);
});

test('a later run picks up late objects', async () => {
  const { clock, bucket, compact, keys, seen } = start();
  await fill(bucket, 10);
  await compact();
  clock.advance(2 * GRACE);
  await fill(bucket, 2, 11);

  await compact();
  const between = await seen();
  clock.advance(2 * GRACE);
  await compact();

  expect(ids(between)).toEqual(each(60));
  expect(ids(await seen())).toEqual(each(60));
  expect(keys(dataPrefix(PREFIX))).toEqual([]);
});

test('every hour with originals is compacted, and foreign objects stay', async () => {
  const { bucket, compact, keys } = start();
  for (const [index, hour] of [5, 4, 23, 13].entries())
    await putOriginal(bucket, someEvents(1, 2), {
      n: index + 1,
      time: `2026-01-01T${String(hour).padStart(2, '0')}:30:00.000Z`,
    });
  await bucket.put(`${dataPrefix(PREFIX)}README.txt`, 'x', 'text/plain');
  await bucket.put(`${dataPrefix(PREFIX)}year=2026/month=01/day=01/hour=05/zz.txt`, 'x', 'text/plain');
  await bucket.put(`${dataPrefix(PREFIX)}year=2026/month=01/day=01/hour=05/broken.ndjson.gz`, 'x', 'text/plain');

  // The hour with a damaged object is from the day before.
  await expect(compact()).rejects.toThrow('1 hours are overdue, because their compaction fails');

  expect(keys(manifestPrefix(PREFIX))).toHaveLength(4);
  expect(keys(dataPrefix(PREFIX))).toHaveLength(7);
});

test('only one run works at a time', async () => {
  const { bucket, compact, merged, lines } = start();
  await fill(bucket, 5);

  await Promise.all([compact(), compact()]);

  expect(lines.filter((line) => line === 'another run is active')).toHaveLength(1);
  expect(await merged()).toEqual({ named: 3, unnamed: 0 });
});

test.each(['before', 'after'] as const)(
  'after a run dies %s any of its calls, a reader still sees each event once',
  async (when) => {
    let call = 1;
    for (let over = false; !over; call++) {
      const { clock, bucket, compact, kills, seen, keys, merged } = start();
      await fill(bucket, 6);
      await compact();
      clock.advance(2 * GRACE);
      await fill(bucket, 5, 8);

      over = (await kills.run(compact, { call, when })) === 'done';
      const observed = [ids(await seen())];
      for (const ms of [GRACE / 2, GRACE / 2, GRACE, 1, GRACE, DAY]) {
        // A new message arrives after the crash, so the next run merges other sets than the crashed one.
        if (observed.length === 1) await fill(bucket, 1, 7);
        clock.advance(ms);
        observed.push(ids(await seen()));
        await compact();
        observed.push(ids(await seen()));
      }

      expect({ call, when, observed: observed.map((list) => list.length) }).toEqual({
        call,
        when,
        observed: [55, ...Array(12).fill(60)],
      });
      expect(observed.at(-1)).toEqual(each(60));
      await compact();
      expect(keys(dataPrefix(PREFIX))).toEqual([]);
      expect(await merged()).toMatchObject({ unnamed: 0 });
    }

    expect(call).toBeGreaterThan(20);
  },
);

test('a reader sees each event once even if its reads of the bucket are up to the grace apart', async () => {
  const { clock, bucket, compact, kills } = start();
  await fill(bucket, 8);
  /** Copies of the bucket after each call, with the time. */
  const history: { at: number; objects: Objects }[] = [];
  const remember = async () => {
    const copy = memoryObjects();
    for (const key of bucket.keys()) await copy.put(key, (await bucket.get(key)) ?? '', '');
    history.push({ at: clock.now(), objects: copy });
  };
  for (let step = 0; step < 10; step++) {
    for (let call = 1; (await kills.run(compact, { call, when: 'after' })) === 'died' && call < 40; call += 3) {
      await remember();
      clock.advance(66_000);
    }
    await remember();
    clock.advance(GRACE / 3);
  }

  const wrong: unknown[] = [];
  for (const { at } of history) {
    const near = history.filter((moment) => Math.abs(moment.at - at) < GRACE);
    const spread = [near[0], near[Math.floor(near.length / 2)], near.at(-1)];
    for (const manifests of spread)
      for (const own of spread)
        for (const merged of spread) {
          const list: Objects['list'] = (prefix, options) =>
            ((prefix.startsWith(manifestPrefix(PREFIX)) ? manifests : own)?.objects ?? bucket).list(prefix, options);
          const get: Objects['get'] = async (key) => {
            const moment = key.startsWith(manifestPrefix(PREFIX))
              ? manifests
              : key.startsWith(compactedPrefix(PREFIX))
                ? merged
                : own;
            return moment?.objects.get(key);
          };
          const objects = { ...bucket, list, get };
          const keys = await visibleObjects({ objects, prefix: PREFIX }, { hour: HOUR, at });
          const got = ids(await linesOf(objects, keys).catch(() => []));
          if (got.join() !== each(40).join()) wrong.push({ at, got: got.length });
        }
  }

  expect(history.length).toBeGreaterThan(20);
  expect(wrong).toEqual([]);
});
