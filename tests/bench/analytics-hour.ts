import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataKey, parquetPrefix } from '../../lib/queues/analytics/keys';
import { folderObjects } from '../support/folder-objects';
import { linesOf, packedMessages, START, singleMessages } from './analytics-events';
import { bundled, printedBy } from './process';
import { slowBucket } from './slow-bucket';
import { type Size, sumOf, tableOf } from './table';

const SIZES = { full: 1_000_000, small: 4_000 };
const SINGLE = { full: 400_000, small: 2_000 };

type Taken = Record<'runs' | 'seconds' | 'cpuSeconds' | 'megabytes', number> & { result: string };

/**
 * Writes an hour of many events as Parquet in a process of its own: first as a new hour, then again for one late
 * message. And an hour of many originals with an event each, from a bucket that answers each read after 30 ms.
 */
export async function analyticsHour(size: Size): Promise<string> {
  const objects = folderObjects();
  const bundle = join(objects.folder, 'run.cjs');
  let bytes = 0;
  try {
    // A compiler in its process would count as memory.
    writeFileSync(bundle, (await bundled({ file: 'tests/bench/analytics-hour-run.ts' })).code);
    for (const { id, body } of packedMessages(SIZES[size])) {
      const lines = linesOf(body);
      await objects.put(dataKey('jobs', { time: START, id }), lines, 'application/gzip');
      bytes += lines.length;
    }
    const write = async (place = objects.folder) => JSON.parse(await printedBy([bundle, place, '100000'])) as Taken;
    const runs: Record<string, Taken> = { first: await write(), 'nothing new': await write() };
    const parts = (await objects.list(parquetPrefix('jobs'))).filter((key) => key.endsWith('.parquet'));
    const sizes = await Promise.all(parts.map(async (key) => (await objects.get(key))?.length ?? 0));
    if (parts.length !== 8 || Object.values(runs).some(({ result }) => result !== 'written'))
      throw new Error('the hour was not written');
    runs[`${SINGLE[size].toLocaleString('en')} originals of an event each`] = await single(SINGLE[size], write);
    return [
      `An hour of ${SIZES[size].toLocaleString('en')} events: ${(bytes / 1e6).toFixed(1)} MB in gzip, ${(sumOf(sizes) / 1e6).toFixed(1)} MB in ${parts.length} Parquet objects.`,
      '',
      tableOf(
        Object.entries(runs),
        ['Run', ([what]) => what],
        ['runs of 210 s', ([, { runs }]) => runs],
        ['seconds', ([, { seconds }]) => seconds.toFixed(1)],
        ['CPU seconds', ([, { cpuSeconds }]) => cpuSeconds.toFixed(1)],
        ['peak memory', ([, { megabytes }]) => `${megabytes.toFixed(0)} MB`],
      ),
    ].join('\n');
  } finally {
    objects.remove();
  }
}

async function single(events: number, write: (place: string) => Promise<Taken>): Promise<Taken> {
  const stored = new Map<string, Uint8Array>();
  for (const { id, body } of singleMessages(events)) stored.set(dataKey('jobs', { time: START, id }), linesOf(body));
  const bucket = await slowBucket(stored);
  try {
    return await write(bucket.url);
  } finally {
    bucket.close();
  }
}
