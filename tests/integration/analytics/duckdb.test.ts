import { readFileSync } from 'node:fs';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { writeHours } from '../../../lib/queues/analytics/hours';
import { dataPrefix, latePrefix, parquetPrefix } from '../../../lib/queues/analytics/keys';
import { analyticsContract } from '../../../lib/queues/analytics/process';
import { eventsView } from '../../../resources/catalog';
import { analyticsBody, anEvent, type Line as EventLine, linesOf, viewAt } from '../../support/analytics';
import { memoryEngine, PREFIX } from '../../support/engine';
import { type FolderObjects, folderObjects } from '../../support/folder-objects';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = Date.parse('2026-01-02T00:05:00Z');
/** Hours after the start in which events are tracked. */
const HOURS = [0, 1, 2, 11, 23, 24, 25, 30, 47, 48, 49];
const PER_HOUR = 300;
const NAMES = ['session_started', 'screen_viewed', 'screen_viewed', 'search', 'purchase'];

const QUESTIONS = ['events by hour', 'a property without a column of its own', 'the longest sessions'];

/** The statements that the documentation gives, by the comment that each begins with. */
const documented = (title: string): string => {
  const blocks = [...readFileSync('docs/analytics.md', 'utf8').matchAll(/```sql\n-- DuckDB: (.+)\n([\s\S]*?)```/g)];
  const sql = blocks.find(([, found]) => found === title)?.[2];
  if (sql === undefined) throw new Error(`docs/analytics.md has no statement "${title}"`);
  return here(sql);
};
/** On a folder instead of a bucket, and at the time of the engine. */
const here = (sql: string): string =>
  sql
    .replaceAll('s3://team-bucket/jobs', `${bucket.folder}/${PREFIX}`)
    .replaceAll('now()', `TIMESTAMPTZ '${new Date(engine.clock.now()).toISOString()}'`);

let bucket: FolderObjects;
let engine: ReturnType<typeof memoryEngine>;
let connection: DuckDBConnection;
type Line = EventLine & { accepted: string };

/** Every event once, from the originals. */
let truth: Line[];

const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
const views = async () => {
  await connection.run('DROP VIEW IF EXISTS events; DROP VIEW IF EXISTS stored; DROP MACRO TABLE IF EXISTS arrived');
  await connection.run(here(readFileSync('docs/analytics.sql', 'utf8')));
};
const write = () =>
  writeHours(
    {
      ...engine.deps,
      objects: bucket,
      columns: [['price', 'number']],
      onePartBytes: 20_000,
      mostBytes: 1e9,
      mostObjects: 1e6,
      block: 256,
    },
    { remainingMs: 300_000 },
  );

/** What the view shows now must be what the model of the view shows. */
async function expectSeen(): Promise<void> {
  await views();
  const seen = await rows('SELECT event_id, job_id FROM events ORDER BY event_id, job_id');
  const wanted = (await viewAt(bucket, engine.clock.now())).map(({ event_id, job_id }) => ({ event_id, job_id }));
  expect(seen).toEqual(wanted.sort((a, b) => (a.event_id < b.event_id ? -1 : 1)));
}

/** Events of three days, through a queue and the worker into a folder. */
beforeAll(async () => {
  bucket = folderObjects();
  const metrics = { add: () => {}, flush: async () => {} };
  engine = memoryEngine(() => analyticsContract({ objects: bucket, prefix: PREFIX, metrics }));
  const { clock } = engine;
  clock.advance(START - clock.now());
  let messages = 0;
  connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run("SET TimeZone = 'Asia/Tokyo'");
  for (const [index, hour] of HOURS.entries()) {
    clock.advance(Math.max(0, START + hour * HOUR_MS - clock.now()));
    const events = Array.from({ length: PER_HOUR }, (_, n) => {
      // Each hour repeats some events of the one before, as after a request that was sent again.
      const number = index * (PER_HOUR - 20) + n;
      const name = NAMES[number % NAMES.length] ?? '';
      const time = new Date(START + index * HOUR_MS + n * 9_000 - (number % 50 === 0 ? 2 * HOUR_MS : 0)).toISOString();
      const properties = {
        ...(name === 'purchase' && { price: number % 10 === 4 ? number / 100 : `${number}` }),
        ...(name === 'screen_viewed' && { screen: `s-${number % 9}` }),
      };
      const [user, session] = [`user-${(number * 7) % 43}`, `session-${Math.floor(number / 12)}`];
      // Some devices have a clock that is a year late, and say when they sent the event.
      const late = (at: string) => at.replace('2026', '2025');
      const clocks =
        number % 7 === 0 ? { time: late(time), sent: late(new Date(START + index * HOUR_MS).toISOString()) } : { time };
      const received = number % 3 === 0 ? {} : { received: new Date(clock.now() - n * 40).toISOString() };
      return anEvent(number, {
        ...clocks,
        ...received,
        name,
        properties,
        user,
        session,
        app: '2.4.1',
        platform: 'iOS',
      });
    });
    for (let n = 0; n < PER_HOUR; n += 50) {
      const accepted = new Date(clock.now()).toISOString();
      engine.send(analyticsBody(events.slice(n, n + 50), { n: ++messages, time: accepted }));
    }
    // The messages of one hour come late.
    if (hour === 1) clock.advance(3 * HOUR_MS);
    while (engine.inQueue() > 0) await engine.deliver();
    if (index % 2 === 0) await write();
    if (index === 0 || index === 3) await expectSeen();
  }
  const lines = (await linesOf(bucket, await bucket.list(dataPrefix(PREFIX)))) as Line[];
  const first = lines.sort((a, b) => (a.accepted < b.accepted ? -1 : 1));
  truth = [...new Map(first.toReversed().map((line) => [line.id, line])).values()];
});
afterAll(() => {
  connection.closeSync();
  bucket.remove();
});

async function ask(): Promise<Record<string, Record<string, unknown>[]>> {
  await views();
  const asked = QUESTIONS.map(async (title) => [title, await rows(documented(title))]);
  return Object.fromEntries(await Promise.all(asked));
}

/** The answers while hours are still open. What comes later must not change them. */
let answers: Awaited<ReturnType<typeof ask>>;

test('each documented question is answered while hours are still open, and no event counts twice', async () => {
  expect(await bucket.list(latePrefix(PREFIX))).not.toHaveLength(1);
  expect(truth).toHaveLength(HOURS.length * (PER_HOUR - 20) + 20);

  answers = await ask();

  const sumOf = (list: Record<string, unknown>[] = []) => list.reduce((sum, { events }) => sum + Number(events), 0);
  expect(sumOf(answers['events by hour'])).toBe(truth.length);
  expect(Object.values(answers).map(({ length }) => length)).toEqual([HOURS.length, 5, 5]);
  await expectSeen();
});

/** Of each scan that is pruned by partition: files that it opens, of how many. */
async function scans(statement: string): Promise<string[]> {
  const [plan] = await rows(`EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`);
  return [...String(plan?.explain_value).matchAll(/"Scanning Files": "(\d+\/\d+)"/g)].flatMap(
    ([, count]) => count ?? [],
  );
}

test('with three days of originals, a question about a day opens those of this day and the day before, each once', async () => {
  await views();
  const keys = (await bucket.list(dataPrefix(PREFIX))).filter((key) => key.endsWith('.ndjson.gz'));
  const of = (day: string) => keys.filter((key) => key.includes(`/day=${day}/`)).length;

  const opened = await scans(documented('the longest sessions'));

  expect([of('02'), of('03'), of('04')].every((count) => count > 0)).toBe(true);
  const counted = opened.filter((scan) => scan.endsWith(`/${keys.length}`));
  expect(counted.sort()).toEqual([of('02'), of('03')].map((count) => `${count}/${keys.length}`).sort());
});

test('an hour that DuckDB writes as documented changes no answer, and is there without its originals', async () => {
  await views();
  await connection.run(documented('write an hour'));
  expect(await ask()).toEqual(answers);

  const [written = ''] = (await bucket.list(parquetPrefix(PREFIX))).filter((key) => key.endsWith('by-hand.parquet'));
  const found = await rows(`SELECT event_id AS id FROM '${bucket.folder}/${written}' ORDER BY event_id`);
  const wanted = truth.filter(({ accepted }) => accepted.startsWith('2026-01-02T00'));
  expect(found.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id).sort());
});

const TIMES = ['occurred_at', 'device_time', 'sent_at', 'received_at', 'packed_at'];

test("Athena's view shows the same events with the same values", async () => {
  const folder = `${bucket.folder}/${PREFIX}`;
  const hive =
    "hive_partitioning = true, hive_types = {'year': 'VARCHAR', 'month': 'VARCHAR', 'day': 'VARCHAR', 'hour': 'VARCHAR'}";
  const texts = [
    'id',
    'name',
    'time',
    'user',
    'session',
    'device',
    'properties',
    'job',
    'source',
    'group',
    'accepted',
    'sent',
    'received',
    'anonymous',
    'app',
    'platform',
  ];
  const types = [...texts.map((name) => `'${name}': 'VARCHAR'`), "'schema': 'BIGINT'", "'sequence': 'BIGINT'"].join(
    ', ',
  );
  // Athena has the folder of a day as one text.
  const day = "EXCLUDE (year, month, day), 'year=' || year || '/month=' || month || '/day=' || day AS day";
  const lines = (name: string) =>
    `(SELECT * ${day} FROM read_json('${folder}/${name}/**/*.ndjson.gz', columns = {${types}}, ${hive}))`;
  // Athena reads times of Parquet without a zone.
  const utc = `SELECT * REPLACE (${TIMES.map((time) => `${time} AT TIME ZONE 'UTC' AS ${time}`)})`;
  // What Athena has and DuckDB lacks.
  const functions = [
    'from_iso8601_timestamp(t) AS t::TIMESTAMPTZ',
    'date_format(t, f) AS strftime(t, f)',
    'json_format(j) AS j::VARCHAR',
    'json_extract_scalar(j, p) AS json_extract_string(j, p)',
  ];
  for (const each of functions) await connection.run(`CREATE MACRO ${each}`);
  await connection.run(`CREATE VIEW originals AS SELECT * FROM ${lines('analytics-originals')}`);
  await connection.run(`CREATE VIEW late AS SELECT * FROM ${lines('analytics-late')}`);
  await connection.run(
    `CREATE VIEW written AS ${utc} FROM (SELECT * ${day} FROM read_parquet('${folder}/analytics-events/**/*.parquet', ${hive}))`,
  );
  await views();
  const now = `TIMESTAMPTZ '${new Date(engine.clock.now()).toISOString()}'`;
  const sql = eventsView({ price: 'number' }).replaceAll('current_timestamp', now);
  const columns = `* REPLACE (date::DATE AS date, ${TIMES.map((time) => `epoch_ms(${time}) AS ${time}`)})`;

  const found = await rows(`SELECT ${columns} FROM (${sql}) ORDER BY event_id`);
  expect(found).toEqual(await rows(`SELECT ${columns} FROM events ORDER BY event_id`));
  expect(found).toHaveLength(truth.length);
});

test('long afterwards the same is answered from Parquet alone, and a day opens its own objects and those of the day before', async () => {
  engine.clock.advance(10 * DAY_MS);
  await write();
  for (const key of await bucket.list(dataPrefix(PREFIX))) {
    const other = key.endsWith('.ndjson.gz') && (await bucket.list(dataPrefix(PREFIX))).length > 1;
    if (other) await bucket.delete(key);
  }

  expect(await ask()).toEqual(answers);

  const parts = (await bucket.list(parquetPrefix(PREFIX))).filter((key) => key.endsWith('.parquet'));
  const of = (day: string) => parts.filter((key) => key.includes(`/day=${day}/`)).length;
  const opened = await scans(documented('the longest sessions'));
  expect(opened).toContain(`${of('03')}/${parts.length}`);
  expect(opened).toContain(`${of('02')}/${parts.length}`);
  expect(opened.filter((scan) => scan.endsWith(`/${parts.length}`))).toHaveLength(2);
});
