import { type CompactionDeps, compactHour } from '../../../lib/analytics/compact';
import { compactedPrefix, dataPrefix, manifestPartition } from '../../../lib/analytics/keys';
import { readManifests } from '../../../lib/analytics/manifest';
import { visibleObjects } from '../../../lib/analytics/view';
import type { Objects } from '../../../lib/ports';
import { linesOf, putOriginal, someEvents } from '../../support/analytics';
import { jobId, PREFIX } from '../../support/engine';
import { memoryClock, memoryRandom } from '../../support/memory-clock';
import { memoryObjects } from '../../support/memory-objects';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const GRACE = 15 * MINUTE;
const HOUR = Date.parse('2026-01-02T03:00:00Z');
const MANIFESTS = manifestPartition(PREFIX, HOUR);
const ALL = ['event-1', 'event-2', 'event-3', 'event-4'];

function start() {
  const clock = memoryClock(HOUR + 75 * MINUTE);
  const bucket = memoryObjects({ now: clock.now });
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const log = { info: line, warn: line, error: line };
  const deps: CompactionDeps = {
    ...{ objects: bucket, clock, random: memoryRandom(), log, prefix: PREFIX },
    graceMs: GRACE,
    targetBytes: 1_000_000,
  };
  const compact = (objects: Objects = bucket) => compactHour({ ...deps, objects }, HOUR, () => true);
  /** The ids of all events that a reader sees. */
  const seen = async () => {
    const keys = await visibleObjects({ objects: bucket, prefix: PREFIX }, { hour: HOUR, at: clock.now() });
    return (await linesOf(bucket, keys)).map(({ id }) => id).sort();
  };
  /** Puts messages `from` to `to`, each with the event of its number. */
  const put = async (from: number, to: number) => {
    for (let n = from; n <= to; n++) await putOriginal(bucket, someEvents(n, n), { n });
  };
  const originals = () => bucket.keys().filter((key) => key.startsWith(dataPrefix(PREFIX)));
  const manifest = async () => (await readManifests({ objects: bucket, prefix: PREFIX }, HOUR)).entries;
  return { clock, bucket, compact, seen, put, originals, manifest, lines };
}

/** A bucket in which something happens once: after the first list of manifests, or before the first write of one. */
function interrupted(bucket: Objects, when: 'listed' | 'written', happens: () => Promise<void>): Objects {
  let first = true;
  const once = async (key: string) => {
    if (!first || !key.startsWith(MANIFESTS)) return;
    first = false;
    await happens();
  };
  const late = <A extends unknown[], R>(write: (key: string, ...rest: A) => Promise<R>) => {
    return async (key: string, ...rest: A) => {
      await once(key);
      return write(key, ...rest);
    };
  };
  if (when === 'written')
    return { ...bucket, put: late(bucket.put), create: late(bucket.create), replace: late(bucket.replace) };
  return {
    ...bucket,
    list: async (prefix, options) => {
      const keys = await bucket.list(prefix, options);
      await once(prefix);
      return keys;
    },
  };
}

test('a compaction that another one overtakes loses no event and shows none twice', async () => {
  const { clock, bucket, compact, put, seen } = start();
  await put(1, 2);
  const overtaken = interrupted(bucket, 'listed', async () => {
    await put(3, 4);
    await compact();
  });

  await compact(overtaken);
  const observed = [await seen()];
  for (let run = 0; run < 4; run++) {
    clock.advance(GRACE);
    await compact();
    observed.push(await seen());
  }

  expect(observed).toEqual(Array(5).fill(ALL));
});

test.each([
  ['first', false],
  ['second', true],
])('a %s version of a manifest that lands after hours takes nothing from later ones', async (_which, second) => {
  const { clock, bucket, compact, put, seen, originals } = start();
  await put(1, 1);
  if (second) await compact();
  await put(2, 2);
  const stopped = interrupted(bucket, 'written', async () => {
    await put(3, 4);
    for (let run = 0; run < 4; run++) {
      await compact();
      clock.advance(GRACE);
    }
  });

  await compact(stopped);
  const observed = await seen();
  clock.advance(DAY);
  await compact();

  expect(observed).toEqual(ALL);
  expect(await seen()).toEqual(ALL);
  expect(originals()).toEqual([]);
});

test('a run whose manifest was written twice by the SDK knows its own write', async () => {
  const { bucket, compact, put, lines, manifest } = start();
  await put(1, 2);
  const create: Objects['create'] = async (...object) => {
    await bucket.create(...object);
    return bucket.create(...object);
  };

  await compact({ ...bucket, create });

  expect(lines).toEqual(['compacted']);
  expect((await manifest()).map(({ job }) => job)).toEqual([jobId(1), jobId(2)]);
});

test.each(['missing', 'damaged'] as const)('the originals of a %s compacted object are merged again', async (what) => {
  const { clock, bucket, compact, put, seen, originals, lines } = start();
  await put(1, 4);
  await compact();
  for (const key of bucket.keys().filter((one) => one.startsWith(compactedPrefix(PREFIX))))
    if (what === 'missing') await bucket.delete(key);
    else await bucket.put(key, bucket.bytes(key).slice(0, -1), '');

  const observed: string[][] = [];
  for (let run = 0; run < 4; run++) {
    await compact();
    observed.push(await seen());
    clock.advance(GRACE);
  }

  clock.advance(DAY);
  await compact();

  expect(observed).toEqual(Array(4).fill(ALL));
  expect(originals()).toEqual([]);
  expect(bucket.keys().filter((key) => key.startsWith(compactedPrefix(PREFIX)))).toHaveLength(1);
  expect(lines.filter((line) => line === 'a compacted object is not as its manifest says')).toHaveLength(1);
});

test('the originals of a damaged object stay if other messages have no original any more', async () => {
  const { clock, bucket, compact, put, originals, lines } = start();
  await put(1, 4);
  await compact();
  const [gone = ''] = originals();
  const [merged = ''] = bucket.keys().filter((key) => key.startsWith(compactedPrefix(PREFIX)));
  const whole = bucket.bytes(merged);
  await bucket.delete(gone);
  await bucket.put(merged, whole.slice(0, -1), '');
  clock.advance(2 * GRACE);

  await compact();
  const left = originals().length;
  await bucket.put(merged, whole, '');
  await compact();

  expect(left).toBe(3);
  expect(lines.filter((line) => line !== 'compacted')).toEqual(['a compacted object is not as its manifest says']);
  expect(originals()).toEqual([]);
});

test('manifests of revision 28eb1b2 count, and the hour keeps them beside its own', async () => {
  const { clock, bucket, compact, put, seen, originals, manifest } = start();
  await put(1, 2);
  await compact();
  const [key = ''] = bucket.keys().filter((one) => one.startsWith(MANIFESTS));
  const [entry] = await manifest();
  await bucket.put(`${MANIFESTS}${entry?.object}.ndjson`, bucket.bytes(key), '');
  await bucket.delete(key);
  await put(3, 4);

  await compact();
  clock.advance(2 * GRACE);
  await compact();

  expect(await seen()).toEqual(ALL);
  expect(originals()).toEqual([]);
  expect(bucket.keys().filter((one) => one.startsWith(MANIFESTS))).toEqual([
    `${MANIFESTS}${entry?.object}.ndjson`,
    `${MANIFESTS}hour.ndjson`,
  ]);
});
