import { readFileSync } from 'node:fs';
import { S3Client } from '@aws-sdk/client-s3';
import { clientDefaults } from '../../lib/platform/aws/clients';
import { realObjects } from '../../lib/platform/aws/objects';
import type { Objects } from '../../lib/platform/ports';
import { writeHour } from '../../lib/queues/analytics/hours';
import { hourOf } from '../../lib/queues/analytics/keys';
import { folderObjects } from '../support/folder-objects';
import { timed } from './table';

/** As long as the function may read in a run. */
const READ_MS = 210_000;

const inBucket = (endpoint: string): Objects => {
  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  const config = { ...clientDefaults, endpoint, credentials, region: 'us-east-1', forcePathStyle: true };
  return realObjects({ bucket: 'bench', client: new S3Client(config) });
};

/** Writes the only hour in a folder or a bucket, in as many runs as it takes, and prints what they took. */
async function main(place: string, onePartBytes: number): Promise<void> {
  const objects = place.startsWith('http:') ? inBucket(place) : folderObjects(place);
  const [first = ''] = await objects.list('jobs/analytics-originals/', { limit: 1 });
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const limits = { onePartBytes, mostBytes: Number.POSITIVE_INFINITY, mostObjects: 1e9, block: 256 };
  const deps = { objects, log, prefix: 'jobs', columns: [['price', 'number']] as [string, 'number'][], ...limits };
  let result: Awaited<ReturnType<typeof writeHour>> | undefined;
  let runs = 0;
  const { ms, cpuMs } = await timed(async () => {
    do {
      const until = Date.now() + READ_MS;
      const times = { mayRead: () => Date.now() < until, mayWrite: () => true };
      result = await writeHour(
        { ...deps, ...times },
        hourOf(first) ?? 0,
        typeof result === 'object' ? result : undefined,
      );
      runs++;
    } while (typeof result === 'object');
  });
  // Not `maxRSS`: Linux counts in it what the process had before its program was loaded, which is the parent's memory.
  const [, peak] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  const megabytes = Number(peak) / 1000;
  process.stdout.write(JSON.stringify({ result, runs, seconds: ms / 1000, cpuSeconds: cpuMs / 1000, megabytes }));
}

void main(process.argv[2] ?? '', Number(process.argv[3]));
