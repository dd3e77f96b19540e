import { writeHour } from '../../lib/analytics/hours';
import { hourOf } from '../../lib/analytics/keys';
import { folderObjects } from '../support/folder-objects';
import { timed } from './table';

/** Writes the only hour in a folder, and prints what it took. */
async function main(folder: string, onePartBytes: number): Promise<void> {
  const objects = folderObjects(folder);
  const [first = ''] = await objects.list('jobs/analytics/', { limit: 1 });
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const limits = { onePartBytes, mostBytes: Number.POSITIVE_INFINITY };
  const deps = { objects, log, prefix: 'jobs', columns: [['price', 'number']] as [string, 'number'][], ...limits };
  let result = '';
  const { ms, cpuMs } = await timed(async () => {
    result = await writeHour(deps, hourOf(first) ?? 0, () => true);
  });
  const megabytes = process.resourceUsage().maxRSS / 1000;
  process.stdout.write(JSON.stringify({ result, seconds: ms / 1000, cpuSeconds: cpuMs / 1000, megabytes }));
}

void main(process.argv[2] ?? '', Number(process.argv[3]));
