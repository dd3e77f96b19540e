import { readFileSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { compaction } from '../../../lib/analytics/compaction';
import { analyticsContract } from '../../../lib/analytics/process';
import type { BatchQueues } from '../../../lib/ports';
import { createTracker } from '../../../lib/producer/tracker';
import { anEvent } from '../../support/analytics';
import { memoryEngine, PREFIX } from '../../support/engine';
import { type FolderObjects, folderObjects } from '../../support/folder-objects';

/** All but the last are over, with all late writes. */
const HOURS = 12;
const PER_HOUR = 500;
const HOUR_MS = 3_600_000;
const START = Date.parse('2026-01-02T00:05:00Z');

/** The statements that the documentation gives, by the comment that each begins with; on a folder instead of a bucket. */
function documented(folder: string): (title: string) => string {
  const blocks = [...readFileSync('docs/analytics.md', 'utf8').matchAll(/```sql\n-- DuckDB: (.+)\n([\s\S]*?)```/g)];
  return (title) => {
    const sql = blocks.find(([, found]) => found === title)?.[2];
    if (sql === undefined) throw new Error(`docs/analytics.md has no statement "${title}"`);
    return sql.replaceAll('s3://team-bucket/jobs', `${folder}/${PREFIX}`);
  };
}

let bucket: FolderObjects;
let connection: DuckDBConnection;
let sql: (title: string) => string;
let compact: () => Promise<void>;
let advance: (ms: number) => void;

/** Events of twelve hours, by a producer through a queue and the worker into a folder. */
beforeAll(async () => {
  bucket = folderObjects();
  sql = documented(bucket.folder);
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(() => analyticsContract({ objects: bucket, prefix: PREFIX, metrics }));
  advance = engine.clock.advance;
  advance(START - engine.clock.now());
  const tracker = createTracker(
    {
      queues: engine.deps.queues as typeof engine.deps.queues & BatchQueues,
      clock: { now: engine.clock.now, sleep: () => new Promise(() => {}) },
      random: engine.deps.random,
      log: engine.deps.log,
      source: '/my/api',
      queueUrl: engine.deps.queueUrl,
      settings: engine.deps.settings,
    },
    { shards: 4, maxEvents: 50 },
  );
  for (let hour = 0; hour < HOURS; hour++) {
    for (let n = 0; n < PER_HOUR; n++) {
      const time = new Date(engine.clock.now() - n * 10).toISOString();
      const name = n % 5 === 0 ? 'purchase' : 'screen_viewed';
      const properties = n % 5 === 0 ? { price: n / 100 } : { screen: `s-${n % 9}` };
      await tracker.track(anEvent(hour * PER_HOUR + n, { time, name, properties, user: `user-${n % 40}` }));
    }
    await tracker.flush();
    while (engine.inQueue() > 0) await engine.deliver();
    if (hour < HOURS - 1) advance(HOUR_MS);
  }
  await tracker.close({ timeoutMs: 1 });
  const { clock, log, table, random } = { ...engine.deps, table: engine.table };
  compact = () =>
    compaction(
      {
        objects: bucket,
        clock,
        log,
        table,
        random,
        prefix: PREFIX,
        settleAfterMs: 0,
        graceMs: 1_000,
        targetBytes: 1e8,
      },
      { remainingMs: 60_000 },
    );
  connection = await (await DuckDBInstance.create(':memory:')).connect();
});
afterAll(() => {
  connection.closeSync();
  bucket.remove();
});

const rows = async (statement: string) => (await connection.runAndReadAll(statement)).getRowObjectsJson();

/** What the documented queries must say, before compaction and after it. */
async function agrees(): Promise<void> {
  expect(await rows(sql('events by hour'))).toEqual(
    Array.from({ length: HOURS }, (_, hour) => ({
      day: '2026-01-02',
      hour: String(hour).padStart(2, '0'),
      events: String(PER_HOUR),
      distinct_ids: String(PER_HOUR),
      users: '40',
    })),
  );
  expect(await rows(sql('events by name'))).toEqual([
    { name: 'screen_viewed', events: String((HOURS * PER_HOUR * 4) / 5) },
    { name: 'purchase', events: String((HOURS * PER_HOUR) / 5) },
  ]);
  const [revenue] = await rows(sql('a property'));
  expect(Number(revenue?.revenue)).toBeCloseTo(
    HOURS * Array.from({ length: 100 }, (_, n) => (5 * n) / 100).reduce((a, b) => a + b),
  );
}

/** Of each scan that is pruned by partition: files that it opens, of how many. */
async function scans(statement: string): Promise<string[]> {
  const [plan] = await rows(`EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`);
  return [...String(plan?.explain_value).matchAll(/"Scanning Files": "(\d+\/\d+)"/g)].flatMap(
    ([, count]) => count ?? [],
  );
}

test('DuckDB agrees with what was sent and opens the hours that it needs, before compaction, during it and after', async () => {
  await connection.run(sql("the messages' own objects"));
  await connection.run('CREATE VIEW events AS SELECT * FROM own');
  const twoHours = [{ events: String(2 * PER_HOUR) }];
  const files = async (folder: string) =>
    (await bucket.list(`${PREFIX}/analytics/year=2026/month=01/day=02/${folder}`)).length;
  await agrees();
  expect(await rows(sql('a time range'))).toEqual(twoHours);
  const [two, all] = [(await files('hour=03')) + (await files('hour=04')), await files('')];
  expect(await scans(sql('a time range'))).toEqual([`${two}/${all}`]);
  expect(two).toBeLessThan(all / 5);

  await compact();
  await connection.run('DROP VIEW events');
  await connection.run(sql('every event once'));
  await agrees();
  expect(await rows(sql('a time range'))).toEqual(twoHours);

  advance(3_000);
  await compact();
  await agrees();
  expect(await rows(sql('a time range'))).toEqual(twoHours);
  expect(await files('hour=03')).toBe(0);
  // Of the last hour, which is not over, the messages' own objects are left.
  expect(await scans(sql('a time range'))).toEqual([`0/${await files('')}`, `2/${HOURS - 1}`]);
});
