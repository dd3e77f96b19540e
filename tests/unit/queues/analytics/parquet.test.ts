import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { parseEnvelope } from '../../../../lib/engine/jobs/envelope';
import {
  type EventRow,
  fromParquet,
  type PropertyColumn,
  rowOf,
  toParquet,
} from '../../../../lib/queues/analytics/parquet';
import { encodeBatch } from '../../../../lib/queues/analytics/process';
import { analyticsBody } from '../../../support/analytics';

const COLUMNS: PropertyColumn[] = [
  ['price', 'number'],
  ['product', 'text'],
  ['trial', 'boolean'],
];
const HOUR = Date.parse('2026-12-31T23:00:00.000Z');

let folder: string;
let others: ChildProcess;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'parquet-'));
  others = fork('tests/support/parquet-readers.ts', { execArgv: ['--import', 'tsx'] });
});
afterAll(async () => {
  const ended = once(others, 'exit');
  others.kill();
  await ended;
  rmSync(folder, { recursive: true });
});

type Found = Record<string, string | number | boolean | null>;

/** What three readers that are not ours find in a file, by the reader: these columns of each row, with times in ms. */
async function readByOthers(file: string, columns?: string[]): Promise<Record<string, Found[]>> {
  const connection = await (await DuckDBInstance.create()).connect();
  const all = `SELECT * REPLACE (${TIMES.map((time) => `epoch_ms(${time}) AS ${time}`)}) FROM '${file}'`;
  const sql = `SELECT ${columns?.join() ?? '*'} FROM (${all})`;
  const rows = (await connection.runAndReadAll(sql)).getRowObjects();
  connection.closeSync();
  others.send({ file, columns });
  const [answer] = (await once(others, 'message')) as [Record<string, Record<string, unknown>[]>];
  const found = Object.entries({ DuckDB: rows, ...answer });
  return Object.fromEntries(found.map(([name, rows]) => [name, rows.map(plain).sort(byId)]));
}

const TIMES = ['occurred_at', 'device_time', 'sent_at', 'received_at', 'packed_at'];
const WHOLE = [...TIMES, 'schema_version', 'sequence_number'];
function plain(row: Record<string, unknown>): Found {
  const values = Object.entries(row).map(([name, value]) => [
    name,
    WHOLE.includes(name) && value !== null ? Number(value) : value,
  ]);
  return Object.fromEntries(values) as Found;
}

const byId = (a: { event_id?: unknown }, b: { event_id?: unknown }): number =>
  String(a.event_id) < String(b.event_id) ? -1 : 1;

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('', '{"deep":[{"a":[1,{"b":null}]}]}', '\u{1f600}é\u0301', '\ufffe\uffff', '"\\', 'x'.repeat(2_000)),
);
const value = fc.oneof(
  text.filter((found) => !found.includes('\u0000')),
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 63, 1e21, -0, 5e-324),
  fc.boolean(),
  fc.constant(null),
);
const person = fc.option(
  text.filter((found) => found.length > 0 && found.length <= 128 && !/\p{Cc}/u.test(found)),
  { nil: undefined },
);
/** Times at the ends of hours, days and years. */
const time = fc
  .tuple(
    fc.constantFrom(0, 3_600_000, 3_600_000 - 1, -1, 2 * 3_600_000, -60 * 86_400_000),
    fc.integer({ min: -2, max: 2 }),
  )
  .map(([base, more]) => new Date(HOUR + base + more).toISOString());
const event = fc.record(
  {
    id: fc.stringMatching(/^[\w.:-]{1,64}$/),
    name: fc.constantFrom('purchase', 'screen_viewed', 'a/b c'),
    time: fc.oneof(time, fc.constantFrom('2026-12-31T23:59:59.999999999+00:00', '2027-01-01T05:29:59+05:30')),
    user: person,
    session: person,
    device: person,
    anonymous: person,
    app: person,
    platform: person,
    sent: fc.option(time, { nil: undefined }),
    received: fc.option(time, { nil: undefined }),
    schema: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
    properties: fc.option(
      fc.record({ price: value, product: value, trial: value, 'a key.$': value }, { requiredKeys: [] }),
      { nil: undefined },
    ),
  },
  { requiredKeys: ['id', 'name', 'time'] },
);
const message = fc.record({
  time: time.map((at) => at.replace('Z', '+00:00')),
  sequence: fc.option(fc.constantFrom('1', '999999999999999'), { nil: undefined }),
  partitionkey: fc.option(fc.constantFrom('shard-3', 'ü'), { nil: undefined }),
  // The service leaves out a repeat.
  events: fc.uniqueArray(event, { minLength: 1, maxLength: 12, selector: ({ id }) => id }),
});

/** Rows as the service makes them: from the lines of the messages' own objects. */
function rowsOf({ events, ...envelope }: Record<string, unknown> & { events: unknown[] }): EventRow[] {
  const { accepted } = encodeBatch(parseEnvelope(analyticsBody(events, envelope)), events);
  const lines = accepted ? gunzipSync(accepted.bytes).toString('utf8').trimEnd().split('\n') : [];
  return lines.map((line) => rowOf(line));
}

const typed = (row: EventRow): Found => {
  const properties = JSON.parse(row.properties ?? '{}') as Record<string, unknown>;
  const of = (name: string, type: string) => (typeof properties[name] === type ? properties[name] : null) as Found[''];
  const columns = { price: of('price', 'number'), product: of('product', 'string'), trial: of('trial', 'boolean') };
  return { ...row, ...columns } as Found;
};

test('three readers that are not ours read every row as it was sent, whatever it holds', async () => {
  await fc.assert(
    fc.asyncProperty(message, async (sent) => {
      const rows = rowsOf(sent);
      fc.pre(rows.length > 0);
      const bytes = toParquet([...rows], COLUMNS);
      const file = join(folder, 'property.parquet');
      writeFileSync(file, bytes);
      const wanted = rows.map(typed).sort(byId);

      expect(await readByOthers(file)).toEqual({ DuckDB: wanted, polars: wanted, 'parquet-wasm': wanted });
      expect((await fromParquet(bytes)).sort(byId)).toEqual(rows.sort(byId));
    }),
    { numRuns: 25 },
  );
});

test('a row says when the event happened by a clock that is right, and has the properties as JSON', () => {
  const properties = { price: 2 ** 53, product: 'yearly', deep: '{"a":[1]}' };
  const times = { sent: '2025-12-31T23:00:10Z', received: '2026-12-31T23:00:12Z' };
  const events = [
    { id: 'e-1', name: 'purchase', time: '2025-12-31T23:59:59.5+01:00', ...times, app: '2.4.1', properties },
  ];
  const [row] = rowsOf({ time: '2027-01-01T00:00:00Z', events });

  expect(row).toEqual({
    ...{ event_id: 'e-1', event_name: 'purchase', device_time: Date.parse('2025-12-31T22:59:59.500Z') },
    // The clock of the device was a year and two seconds late.
    occurred_at: Date.parse('2026-12-31T23:00:01.500Z'),
    ...{ sent_at: Date.parse(times.sent), received_at: Date.parse(times.received) },
    ...{ user_id: null, anonymous_id: null, session_id: null, device: null, schema_version: null },
    ...{ app_version: '2.4.1', platform: null },
    properties: '{"price":9007199254740992,"product":"yearly","deep":"{\\"a\\":[1]}"}',
    ...{ job_id: expect.any(String), source: '/my/api/producer-1', message_group: 'shard-3', sequence_number: 1 },
    packed_at: Date.parse('2027-01-01T00:00:00Z'),
  });
});

test('a large object is sorted by name and time, in row groups with statistics, dictionaries and zstd', async () => {
  const file = join(folder, 'many.parquet');
  const many = Array.from({ length: 70_000 }, (_, n) =>
    rowOf(
      JSON.stringify({
        ...{
          id: `event-${n}`,
          name: `name-${n % 3}`,
          time: new Date(HOUR + n),
          ...(n % 2 && { user: `u-${n % 100}` }),
        },
        ...{
          schema: 1,
          properties: { price: n },
          job: `job-${n % 7}`,
          source: '/my/api',
          group: 'shard-3',
          sequence: n,
        },
        accepted: new Date(HOUR),
      }),
    ),
  );
  writeFileSync(file, toParquet(many, COLUMNS));
  const connection = await (await DuckDBInstance.create()).connect();
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();

  const groups = await rows(
    `SELECT row_group_num_rows AS rows, compression, encodings LIKE '%DICTIONARY%' AS dictionary, stats_min_value AS first,
      stats_max_value AS last FROM parquet_metadata('${file}') WHERE path_in_schema = 'event_name' ORDER BY row_group_id`,
  );
  expect(groups).toEqual([
    { rows: '65536', compression: 'ZSTD', dictionary: true, first: 'name-0', last: 'name-2' },
    { rows: '4464', compression: 'ZSTD', dictionary: true, first: 'name-2', last: 'name-2' },
  ]);
  const sorted = `SELECT event_name AS name, occurred_at AS time, file_row_number AS n FROM read_parquet('${file}', file_row_number = true)`;
  expect(
    await rows(
      `SELECT count(*) AS wrong FROM (SELECT (name, time) < lag((name, time)) OVER (ORDER BY n) AS w FROM (${sorted})) WHERE w`,
    ),
  ).toEqual([{ wrong: '0' }]);
  connection.closeSync();
  // And all readers agree on its sums.
  for (const [name, rows] of Object.entries(await readByOthers(file, ['event_id', 'price', 'sequence_number']))) {
    const sum = rows.reduce((all, { price, sequence_number: n }) => all + Number(price) + Number(n), 0);
    expect([name, rows.length, new Set(rows.map(({ event_id }) => event_id)).size, sum]).toEqual([
      ...[name, 70_000, 70_000],
      70_000 * 69_999,
    ]);
  }
});
