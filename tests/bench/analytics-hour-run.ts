import { writeHour } from '../../lib/analytics/hour';
import { hourOf } from '../../lib/analytics/keys';
import { folderObjects } from '../support/folder-objects';

/** Writes the only hour in a folder, and prints what it took. */
async function main(folder: string, onePartBytes: number): Promise<void> {
  const objects = folderObjects(folder);
  const [first = ''] = await objects.list('jobs/analytics/', { limit: 1 });
  const begun = process.cpuUsage();
  const at = performance.now();
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const limits = { onePartBytes, mostBytes: Number.POSITIVE_INFINITY };
  const result = await writeHour(
    { objects, log, prefix: 'jobs', columns: [['price', 'number']], ...limits },
    hourOf(first) ?? 0,
    () => true,
  );
  const { user, system } = process.cpuUsage(begun);
  process.stdout.write(
    JSON.stringify({
      result,
      seconds: (performance.now() - at) / 1000,
      cpuSeconds: (user + system) / 1e6,
      megabytes: process.resourceUsage().maxRSS / 1000,
    }),
  );
}

void main(process.argv[2] ?? '', Number(process.argv[3]));
