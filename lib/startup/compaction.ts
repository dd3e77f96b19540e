import type { Context } from 'aws-lambda';
import { type CompactionRun, compaction } from '../analytics/compaction';
import { compactionEnv } from '../config/analytics';
import { parseEnv } from '../config/environment';
import { requireOwnFolder } from '../jobs/folder-owner';
import { realDeps } from './engine';

/** Bytes of NDJSON per compacted object. That is about 6 MB compressed, and merging needs three times this memory. */
const TARGET_BYTES = 64 * 1024 * 1024;

/** The Lambda handler of the compaction. A failed cold start may throw, because the next run is already scheduled. */
export function compactionHandler(): (
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<void> {
  let ready: ReturnType<typeof start> | undefined;
  return async (_event, context) => {
    ready ??= start();
    await requireOwnFolder(ready.objects, ready);
    await compaction(ready, { remainingMs: context.getRemainingTimeInMillis() });
  };
}

function start(): CompactionRun & { instance: string } {
  const config = parseEnv(compactionEnv, process.env);
  const { objects, clock, log, prefix, table, random } = realDeps(config);
  return {
    ...{ objects, clock, log, prefix, table, random },
    instance: config.INSTANCE,
    settleAfterMs: config.COMPACTION_SETTLE * 1000,
    graceMs: config.COMPACTION_GRACE * 1000,
    targetBytes: TARGET_BYTES,
  };
}
