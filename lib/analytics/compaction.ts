import { codeOf } from '../errors';
import { compactionKey } from '../jobs/keys';
import { runAlone } from '../jobs/run-lease';
import type { Log, Table } from '../ports';
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

/** An hour that is not compacted this long after it could be is not a matter of one failed call. */
const OVERDUE_MS = HOUR_MS;

/**
 * Compacts every hour that still has messages' own objects, the oldest first. The next run picks up late objects. It also
 * retries an hour that fails. If such an hour is overdue, this throws at the end, so that the alarm about functions that
 * fail goes off.
 */
export async function compaction(run: CompactionRun, { remainingMs }: { remainingMs: number }): Promise<void> {
  const { clock, log } = run;
  const end = clock.now() + remainingMs * (1 - GUARD);
  const mayGoOn = () => clock.now() < end;
  let overdue = 0;
  const work = async () => {
    overdue = await everyHour(run, mayGoOn);
  };
  const began = await runAlone(run, { key: compactionKey, remainingMs, work });
  if (!began) log.info('another run is active');
  if (overdue > 0) throw new Error(`${overdue} hours are overdue, because their compaction fails`);
}

/** Returns how many overdue hours it could not compact as a whole. */
async function everyHour(run: CompactionRun, mayGoOn: () => boolean): Promise<number> {
  const { objects, prefix, clock, settleAfterMs } = run;
  let errors = 0;
  let overdue = 0;
  const error: Log['error'] = (message, facts) => {
    errors++;
    run.log.error(message, facts);
  };
  const log = { ...run.log, error };
  let after: string | undefined;
  while (mayGoOn()) {
    const [first] = await objects.list(dataPrefix(prefix), { limit: 1, ...(after === undefined ? {} : { after }) });
    if (first === undefined) return overdue;
    const hour = hourOf(first);
    if (hour === undefined || !first.startsWith(dataPartition(prefix, hour))) {
      after = first;
      continue;
    }
    // `0` is the character after `/`, so this skips all keys of the hour.
    after = `${dataPartition(prefix, hour).slice(0, -1)}0`;
    if (clock.now() < hour + HOUR_MS + settleAfterMs) continue;
    const before = errors;
    try {
      await compactHour({ ...run, log }, hour, mayGoOn);
    } catch (error) {
      const code = codeOf(error);
      log.error('an hour could not be compacted', { code, key: dataPartition(prefix, hour) });
    }
    if (errors > before && clock.now() >= hour + HOUR_MS + settleAfterMs + OVERDUE_MS) overdue++;
  }
  return overdue;
}
