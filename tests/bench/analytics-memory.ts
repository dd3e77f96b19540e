import { batches, packedMessages } from './analytics-events';
import { countingObjects, engineWorker } from './analytics-workers';

const MILLION = 1_000_000;

/** Prints the most resident memory while a million events go through the worker, by quarter. */
async function main(): Promise<void> {
  const handler = engineWorker(countingObjects());
  const most: number[] = [];
  let done = 0;
  for (const event of batches(packedMessages(MILLION))) {
    for (const { body } of event.Records) done += body.split('{"id":').length - 1;
    await handler(event);
    const quarter = Math.min(3, Math.floor((4 * done) / MILLION));
    most[quarter] = Math.max(most[quarter] ?? 0, process.memoryUsage.rss());
  }
  const megabytes = most.map((bytes) => `${Math.round(bytes / 1e6)} MB`).join(', ');
  process.stdout.write(
    `Most resident memory while ${done.toLocaleString('en')} events go through (made in the same process), by quarter: ${megabytes}.\n`,
  );
}

void main();
