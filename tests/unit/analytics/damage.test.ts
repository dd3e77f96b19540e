import { gzipSync } from 'node:zlib';
import { compactHour } from '../../../lib/analytics/compact';
import { damageIn } from '../../../lib/analytics/damage';
import { compactedPrefix, dataPrefix, manifestKey } from '../../../lib/analytics/keys';
import { analyticsContract } from '../../../lib/analytics/process';
import { visibleObjects } from '../../../lib/analytics/view';
import { analyticsBody, anEvent, linesOf } from '../../support/analytics';
import { jobId, memoryEngine, PREFIX } from '../../support/engine';

const HOUR = Date.parse('2026-01-02T03:00:00Z');
const HOUR_MS = 3_600_000;
const DAY = 24 * HOUR_MS;
const GRACE = 60_000;
const EMPTY = new Uint8Array();

/** Messages 1 to `count`, each stored with the event of its number. */
async function start(count = 3) {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) =>
    analyticsContract({ objects, prefix: PREFIX, names: new Set(), metrics }),
  );
  const { clock, objects: bucket, deps } = engine;
  const send = async (from: number, to: number) => {
    for (let n = from; n <= to; n++) engine.send(analyticsBody([anEvent(n)], { n }));
    await engine.deliver();
  };
  await send(1, count);
  const compact = () => compactHour({ ...deps, graceMs: GRACE, targetBytes: 1_000_000 }, HOUR, () => true);
  /** Merges the messages and deletes their originals. */
  const compactAll = async () => {
    clock.advance(HOUR_MS);
    await compact();
    clock.advance(2 * GRACE);
    await compact();
  };
  const keys = (prefix: string) => bucket.keys().filter((key) => key.startsWith(prefix));
  const damage = (repair = false) => damageIn({ ...deps, objects: bucket }, { hour: HOUR, repair });
  const seen = async () => {
    const visible = await visibleObjects({ objects: bucket, prefix: PREFIX }, { hour: HOUR, at: clock.now() });
    return (await linesOf(bucket, visible)).map(({ id }) => id).sort();
  };
  const errors = () => engine.lines.flatMap(({ facts }) => (typeof facts.code === 'string' ? facts.code : []));
  return { engine, clock, bucket, send, compact, compactAll, keys, damage, seen, errors };
}

const ids = (...numbers: number[]) => numbers.map((n) => `event-${n}`);
const MANIFEST = manifestKey(PREFIX, HOUR);

const DAMAGED_MANIFESTS: [string, (bytes: Uint8Array) => Uint8Array][] = [
  ['empty', () => EMPTY],
  ['truncated', (bytes) => bytes.slice(0, bytes.length - 20)],
  ['no manifest', () => Buffer.from('{"job":1}\n')],
];

test.each(DAMAGED_MANIFESTS)('a late copy of a message is parked while the manifest is %s', async (_what, change) => {
  const { engine, bucket, send, compactAll, keys, damage } = await start();
  await compactAll();
  await bucket.put(MANIFEST, change(bucket.bytes(MANIFEST)), '');

  await send(1, 1);
  await engine.drain({ hours: 24 });

  expect(engine.row(jobId(1))).toMatchObject({
    state: 'dead',
    error: { code: 'ManifestDamaged', field: 'manifest' },
  });
  expect(engine.deadLetters()).toHaveLength(1);
  expect(keys(dataPrefix(PREFIX))).toEqual([]);
  expect(await damage()).toContainEqual({ key: MANIFEST, problem: 'damaged', repaired: false });
});

test.each(DAMAGED_MANIFESTS)('a repair restores the view although the manifest is %s', async (_what, change) => {
  const { bucket, compactAll, damage, seen } = await start();
  await compactAll();
  await bucket.put(MANIFEST, change(bucket.bytes(MANIFEST)), '');

  await damage(true);
  await damage(true);

  expect(await damage()).toEqual([]);
  expect(await seen()).toEqual(ids(1, 2, 3));
});

test('the only copy of a message is not taken for garbage when its manifest is gone', async () => {
  const { clock, bucket, send, compact, compactAll, keys, damage, seen, errors } = await start();
  await compactAll();
  await bucket.delete(MANIFEST);
  await send(4, 4);
  clock.advance(2 * DAY);

  await compact();
  const merged = keys(compactedPrefix(PREFIX)).length;
  const found = await damage(true);
  await compact();

  expect(merged).toBe(2);
  expect(errors()).toEqual(['UnnamedOnlyCopy']);
  expect(found).toMatchObject([{ problem: 'without an entry', repaired: true }]);
  expect(await seen()).toEqual(ids(1, 2, 3, 4));
});

test.each([
  ['empty', EMPTY],
  ['truncated', gzipSync('{"id":"event-1"}\n').slice(0, 20)],
  ['without lines', gzipSync('')],
  ['cut in its last line', gzipSync('{"job":"x","source":null,"group":null,"sequence":1}\n{"id":')],
])(
  'an original that is %s keeps no other message from being merged, and a repair moves it aside',
  async (_what, bytes) => {
    const { bucket, compactAll, keys, damage, seen, errors } = await start();
    const [broken = ''] = keys(dataPrefix(PREFIX));
    await bucket.put(broken, bytes, '');
    await compactAll();
    const left = keys(dataPrefix(PREFIX));

    const found = await damage(true);

    expect(left).toEqual([broken]);
    expect(new Set(errors())).toEqual(new Set(['OriginalDamaged']));
    expect(found).toEqual([{ key: broken, problem: 'damaged', repaired: true }]);
    expect(await damage()).toEqual([]);
    expect(await seen()).toEqual(ids(2, 3));
    expect(bucket.bytes(broken.replace('jobs/', 'jobs/analytics-damaged/'))).toEqual(new Uint8Array(bytes));
  },
);

test('a compacted object that is damaged or missing is reported until it is restored', async () => {
  const { bucket, compactAll, keys, damage } = await start();
  await compactAll();
  const [key = ''] = keys(compactedPrefix(PREFIX));
  const whole = bucket.bytes(key);

  await bucket.put(key, whole.slice(0, -1), '');
  const damaged = await damage(true);
  await bucket.delete(key);
  const missing = await damage(true);
  await bucket.put(key, whole, '');

  expect(damaged).toEqual([{ key, problem: 'damaged', repaired: false }]);
  expect(missing).toEqual([{ key, problem: 'missing', repaired: false }]);
  expect(await damage()).toEqual([]);
});
