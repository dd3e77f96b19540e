import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { compactHour } from '../../lib/analytics/compact';
import { encodeBatch } from '../../lib/analytics/encode';
import { dataKey } from '../../lib/analytics/keys';
import { parseEnvelope } from '../../lib/jobs/envelope';
import { PREFIX } from '../support/engine';
import { folderObjects } from '../support/folder-objects';
import { memoryClock, memoryRandom } from '../support/memory-clock';
import { appEvent, numbers, START } from './analytics-events';
import { median, table } from './table';

const HOURS = 12;
const MESSAGES = 150;
const EVENTS = 100;
const RUNS = 5;
const HOUR_MS = 3_600_000;
const TARGET_BYTES = 64 * 1024 * 1024;

/** Size and query times of one object per message, of compacted objects, and of Parquet files with the same events. */
export async function analyticsLayouts(): Promise<string> {
  const bucket = folderObjects();
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  try {
    const folder = (name: string) => join(bucket.folder, PREFIX, name);
    await writeOriginals(bucket);
    const own = scan(folder('analytics'), 'ndjson.gz');
    const ownRow = await layout(connection, ['messages, NDJSON gzip', folder('analytics'), own]);

    const clock = memoryClock(START + (HOURS + 1) * HOUR_MS);
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    const metrics = { add: () => {}, flush: async () => {} };
    const deps = {
      ...{ objects: bucket, clock, random: memoryRandom(), log, metrics, prefix: PREFIX },
      ...{ graceMs: 0, targetBytes: TARGET_BYTES },
    };
    const startedAt = performance.now();
    for (let hour = 0; hour < HOURS; hour++) await compactHour(deps, START + hour * HOUR_MS, () => true);
    const seconds = (performance.now() - startedAt) / 1000;
    const compacted = scan(folder('analytics-compacted'), 'ndjson.zst');
    const compactedRow = await layout(connection, ['compacted, NDJSON zstd', folder('analytics-compacted'), compacted]);

    mkdirSync(folder('parquet'), { recursive: true });
    const copy = `COPY (SELECT * FROM ${own}) TO '${folder('parquet')}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (year, month, day, hour))`;
    await connection.run(copy);
    const parquet = `read_parquet('${folder('parquet')}/**/*.parquet', hive_partitioning = true, hive_types = ${HIVE})`;
    const parquetRow = await layout(connection, ['compacted, Parquet zstd', folder('parquet'), parquet]);
    return [
      `Analytics layouts: ${(HOURS * MESSAGES * EVENTS).toLocaleString('en')} events of ${HOURS} hours, ${EVENTS} a message; DuckDB, median of ${RUNS}; compaction took ${seconds.toFixed(1)} s.`,
      table(
        ['layout', 'files', 'MB', 'count, distinct ms', 'by name ms', 'one hour ms'],
        [ownRow, compactedRow, parquetRow],
      ),
    ].join('\n');
  } finally {
    connection.closeSync();
    bucket.remove();
  }
}

async function writeOriginals(bucket: ReturnType<typeof folderObjects>): Promise<void> {
  const next = numbers(7);
  for (let hour = 0; hour < HOURS; hour++)
    for (let message = 0; message < MESSAGES; message++) {
      const time = START + hour * HOUR_MS + message * 20_000;
      const events = Array.from({ length: EVENTS }, (_, n) => appEvent(n, next, time - 1_000));
      const number = hour * MESSAGES + message + 1;
      const id = `0190a1b2-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
      const head = { specversion: '1.0', id, type: 'analytics.events.v1', source: '/my/api/bench' };
      const place = { time: new Date(time).toISOString(), sequence: String(number), partitionkey: 'shard-1' };
      const { accepted } = encodeBatch(parseEnvelope(JSON.stringify({ ...head, ...place })), events);
      await bucket.put(dataKey(PREFIX, { time, id }), accepted?.bytes ?? '', 'application/gzip');
    }
}

const HIVE = "{'year': 'VARCHAR', 'month': 'VARCHAR', 'day': 'VARCHAR', 'hour': 'VARCHAR'}";

const scan = (folder: string, extension: string): string =>
  `read_json('${folder}/**/*.${extension}', format = 'newline_delimited', hive_partitioning = true, hive_types = ${HIVE}, ` +
  "columns = {'id': 'VARCHAR', 'name': 'VARCHAR', 'time': 'TIMESTAMP', 'user': 'VARCHAR', 'session': 'VARCHAR', " +
  "'device': 'VARCHAR', 'properties': 'MAP(VARCHAR, VARCHAR)', 'schema': 'INTEGER', 'job': 'VARCHAR', " +
  "'source': 'VARCHAR', 'group': 'VARCHAR', 'sequence': 'BIGINT'})";

async function layout(
  connection: DuckDBConnection,
  [name, folder, from]: [string, string, string],
): Promise<(string | number)[]> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, { parentPath, name: file }) => sum + statSync(join(parentPath, file)).size, 0);
  const times: string[] = [];
  for (const query of [
    `SELECT count(*), count(DISTINCT id) FROM ${from}`,
    `SELECT name, count(*) FROM ${from} GROUP BY name`,
    `SELECT count(*), sum(properties['price']::DOUBLE) FROM ${from} WHERE hour = '09'`,
  ]) {
    const ms: number[] = [];
    for (let run = 0; run <= RUNS; run++) {
      const startedAt = performance.now();
      await connection.runAndReadAll(query);
      if (run > 0) ms.push(performance.now() - startedAt);
    }
    times.push(median(ms).toFixed(0));
  }
  return [name, files.length, (bytes / 1e6).toFixed(1), ...times];
}
