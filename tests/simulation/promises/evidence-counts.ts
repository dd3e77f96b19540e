import { jobKey } from '../../../lib/jobs/keys';
import { isMailQueue, MAIL_STEPS } from '../../../lib/worker/mail';
import { serviceQueue } from '../world/names';
import type { Promised } from './promise';

/** A step does not stay unknown once the webhook has taken an event about its mail. */
export const evidenceCounts: Promised = (world) => {
  const queue = serviceQueue(world);
  if (!isMailQueue(queue)) return undefined;
  for (const { customArgs } of world.vendors.reported.keys()) {
    const row = customArgs.queue === queue ? world.watch.row(jobKey(queue, customArgs.job ?? '')) : undefined;
    if (row && !world.damaged.has(row.id) && row.steps[MAIL_STEPS[queue]]?.status === 'unknown')
      return `nothing lost: the event about the mail of ${row.id} left its step unknown`;
  }
  return undefined;
};
