import { parseEnv } from '../config';
import type { PackingLimits } from './packer';
import { producerEnv, sendingDeps } from './real-producer';
import { createTracker, type Tracker } from './tracker';

/** The tracker of analytics events on AWS, with the producer's environment. Make one per process and close it at the end. */
export function realTracker(
  limits: Partial<PackingLimits> = {},
  env: Record<string, string | undefined> = process.env,
): Tracker {
  return createTracker(sendingDeps(parseEnv(producerEnv, env)), limits);
}
