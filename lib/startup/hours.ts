import type { Context } from 'aws-lambda';
import { type HoursRun, writeHours } from '../analytics/hours';
import { hoursEnv } from '../config/analytics';
import { parseEnv } from '../config/environment';
import { realDeps } from './engine';

const MIB = 1024 * 1024;
/** About 170,000 events of 350 bytes. */
const ONE_PART_BYTES = 64 * MIB;
/** About 1,500,000 events of 350 bytes (`npm run bench -- analytics-hour`). */
const MOST_BYTES = 600 * MIB;

/** The Lambda handler that writes hours as Parquet. A failed cold start may throw, because the next run is scheduled. */
export function hoursHandler(): (event: unknown, context: Pick<Context, 'getRemainingTimeInMillis'>) => Promise<void> {
  let ready: HoursRun | undefined;
  return async (_event, context) => {
    ready ??= start();
    await writeHours(ready, { remainingMs: context.getRemainingTimeInMillis() });
  };
}

function start(): HoursRun {
  const config = parseEnv(hoursEnv, process.env);
  const { objects, clock, log, prefix, table, random } = realDeps(config);
  return {
    ...{ objects, clock, log, prefix, table, random },
    columns: config.ANALYTICS_COLUMNS,
    onePartBytes: ONE_PART_BYTES,
    mostBytes: MOST_BYTES,
  };
}
