import { StoreError } from '../errors';
import { compactionKey } from '../jobs/keys';
import { runAlone } from '../jobs/run-alone';
import type { Random, Table } from '../ports';
import { type CompactionDeps, compactHour } from './compact';
import { dataPartition, dataPrefix, hourOf } from './keys';

export interface CompactionRun extends CompactionDeps {
  table: Table;
  random: Random;
  /** How long after its end an hour is left alone: its last messages may still be in the queue. */
  settleMs: number;
}

const HOUR_MS = 60 * 60_000;
/** Of the run's time, what stays unused at its end: one merge may take this long. */
const GUARD = 0.25;

/**
 * Looks through every hour that still has messages' own objects, the oldest first. What comes late to an hour is picked
 * up by the next run, on its own. An hour that fails is logged and left to the next run.
 */
export async function compaction(run: CompactionRun, { remainingMs }: { remainingMs: number }): Promise<void> {
  const { clock, log, metrics } = run;
  const end = clock.now() + remainingMs * (1 - GUARD);
  const mayGoOn = () => clock.now() < end;
  const began = await runAlone(run, { key: compactionKey, remainingMs, work: () => everyHour(run, mayGoOn) });
  if (!began) log.info('another run is under way');
  metrics.flush();
}

async function everyHour(run: CompactionRun, mayGoOn: () => boolean): Promise<void> {
  const { objects, prefix, clock, settleMs, log, metrics } = run;
  let after: string | undefined;
  while (mayGoOn()) {
    const [first] = await objects.list(dataPrefix(prefix), { limit: 1, ...(after === undefined ? {} : { after }) });
    if (first === undefined) return;
    const hour = hourOf(first);
    if (hour === undefined || !first.startsWith(dataPartition(prefix, hour))) {
      after = first;
      continue;
    }
    // The character behind `/`: the first key that can come after all of the hour's.
    after = `${dataPartition(prefix, hour).slice(0, -1)}0`;
    if (clock.now() < hour + HOUR_MS + settleMs) continue;
    try {
      await compactHour(run, hour, mayGoOn);
    } catch (error) {
      log.error('an hour could not be compacted', { code: error instanceof StoreError ? error.code : 'Unexpected' });
      metrics.add('CompactionFailures', 1, 'Count', {});
    }
  }
}
