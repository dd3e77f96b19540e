import type { Context } from 'aws-lambda';
import { parseEnv } from '../lib/platform/config/common';
import { hoursEnv } from '../lib/queues/analytics/config';
import { writeHours } from '../lib/queues/analytics/hours';
import { coldStart, realDeps } from './startup/engine';

const MIB = 1024 * 1024;
/** About 170,000 events of 350 bytes. */
const ONE_PART_BYTES = 64 * MIB;
/** About 1,500,000 events of 350 bytes (`npm run bench -- analytics-hour`). */
const MOST_BYTES = 600 * MIB;
/** Four runs, as an hour has, read about as many (`npm run bench -- analytics-hour`). */
const MOST_OBJECTS = 1_000_000;
/** They take at most twelve seconds, if each read takes three. */
const BLOCK = 256;

const started = coldStart(() => {
  const config = parseEnv(hoursEnv, process.env);
  const sizes = { onePartBytes: ONE_PART_BYTES, mostBytes: MOST_BYTES, mostObjects: MOST_OBJECTS, block: BLOCK };
  return { ...realDeps(config), ...sizes, columns: config.ANALYTICS_COLUMNS };
});

/** Writes hours as Parquet. A failed cold start may throw, because the next run is scheduled. */
export function handler(_event: unknown, context: Context): Promise<void> {
  const deps = started();
  return writeHours(deps, { remainingMs: context.getRemainingTimeInMillis() }).finally(deps.metrics.flush);
}
