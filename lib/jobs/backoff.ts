import type { Clock, Random, Table } from '../ports';
import { writeItem } from './ledger';
import type { Backoff, JobRow } from './row';
import { itemOf } from './stored-row';

const FIRST_WAIT_MS = 60_000;
export const LONGEST_BACKOFF_MS = 75 * 60_000;
/** Spreads rows that failed together. */
const SPREAD = 0.25;

/**
 * Makes a row wait after the reconciler's work on it failed, so that other rows get their turn. The first wait is about
 * a minute, the longest about an hour. Only the row's place in the index moves. `updatedAt` stays, because other times
 * follow from it. A row that has changed since it was read is left alone. `from`: the time up to which work was due.
 */
export async function backOff(
  deps: { table: Table; clock: Clock; random: Random },
  row: JobRow,
  { code, from }: { code: string; from: number },
): Promise<number> {
  const times = (backoffOf(row)?.times ?? 0) + 1;
  const wait = Math.min(FIRST_WAIT_MS * 2 ** (times - 1), LONGEST_BACKOFF_MS / (1 + SPREAD));
  const waitMs = Math.round(wait * (1 + SPREAD * deps.random.fraction()));
  const backoff: Backoff = { version: row.version + 1, until: deps.clock.now() + waitMs, times, code };
  const item = itemOf({ ...row, backoff, todoAt: from + waitMs });
  await writeItem({ ...deps, item, expected: row.version });
  return times;
}

/** The row's back-off, if it belongs to the row's present version. */
export const backoffOf = ({ backoff, version }: JobRow): Backoff | undefined =>
  backoff?.version === version ? backoff : undefined;
