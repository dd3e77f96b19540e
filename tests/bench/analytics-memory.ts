import { batches, packedMessages } from './analytics-events';
import { countingObjects, engineWorker } from './analytics-workers';

/** Prints the peak resident memory for each quarter of so many events that the worker handles. */
async function main(events: number): Promise<void> {
  const handler = engineWorker(countingObjects().objects);
  const most: number[] = [];
  let done = 0;
  for (const event of batches(packedMessages(events))) {
    for (const { body } of event.Records) done += body.split('{"id":').length - 1;
    await handler(event);
    const quarter = Math.min(3, Math.floor((4 * done) / events));
    most[quarter] = Math.max(most[quarter] ?? 0, process.memoryUsage.rss());
  }
  const megabytes = most.map((bytes) => `${Math.round(bytes / 1e6)} MB`).join(', ');
  process.stdout.write(
    `Peak resident memory in each quarter of ${done.toLocaleString('en')} events (generated in the same process): ${megabytes}.\n`,
  );
}

void main(Number(process.argv[2]));
