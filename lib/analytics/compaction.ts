import { codeOf } from '../errors';
import { compactionKey } from '../jobs/keys';
import { runAlone } from '../jobs/run-lease';
import type { Table } from '../ports';
import { type CompactionDeps, compactHour } from './compact';
import { dataPartition, dataPrefix, hourOf } from './keys';

export interface CompactionRun extends CompactionDeps {
  table: Table;
  /** How long compaction leaves an hour alone after its end, ms. Its last messages may still be in the queue. */
  settleAfterMs: number;
}

const HOUR_MS = 60 * 60_000;
/** The share of the run's time that stays unused at the end, because one merge may take this long. */
const GUARD = 0.25;

/**
 * Compacts every hour that still has messages' own objects, the oldest first. The next run picks up late objects. It also
 * retries an hour that fails.
 */
export async function compaction(run: CompactionRun, { remainingMs }: { remainingMs: number }): Promise<void> {
  const { clock, log, metrics } = run;
  const end = clock.now() + remainingMs * (1 - GUARD);
  const mayGoOn = () => clock.now() < end;
  const began = await runAlone(run, { key: compactionKey, remainingMs, work: () => everyHour(run, mayGoOn) });
  if (!began) log.info('another run is active');
  await metrics.flush();
}

async function everyHour(run: CompactionRun, mayGoOn: () => boolean): Promise<void> {
  const { objects, prefix, clock, settleAfterMs, log, metrics } = run;
  let after: string | undefined;
  while (mayGoOn()) {
    const [first] = await objects.list(dataPrefix(prefix), { limit: 1, ...(after === undefined ? {} : { after }) });
    if (first === undefined) return;
    const hour = hourOf(first);
    if (hour === undefined || !first.startsWith(dataPartition(prefix, hour))) {
      after = first;
      continue;
    }
    // `0` is the character after `/`, so this skips all keys of the hour.
    after = `${dataPartition(prefix, hour).slice(0, -1)}0`;
    if (clock.now() < hour + HOUR_MS + settleAfterMs) continue;
    try {
      await compactHour(run, hour, mayGoOn);
    } catch (error) {
      const code = codeOf(error);
      log.error('an hour could not be compacted', { code, key: dataPartition(prefix, hour) });
      metrics.add('CompactionFailures', 1, 'Count', {});
    }
  }
}
