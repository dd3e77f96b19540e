import type { Clock, Random, Table } from '../ports';
import { writeItem } from './ledger';
import type { Backoff, JobRow } from './row';

const FIRST_WAIT_MS = 60_000;
export const LONGEST_BACKOFF_MS = 75 * 60_000;
/** Rows that failed together come back one by one. */
const SPREAD = 0.25;

/**
 * Lets a row wait whose work has failed, a minute at first and an hour in the end, so that it keeps no other row from
 * its turn. Only its place in the index moves: `updatedAt`, which other times follow from, stays. A row that has changed
 * since it was read is left as it is. `from`: up to where its work was due.
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
  await writeItem({ ...deps, item: { ...row, backoff, todoAt: from + waitMs }, expected: row.version });
  return times;
}

/** The failure for which a row waits as it is now. */
export const backoffOf = ({ backoff, version }: JobRow): Backoff | undefined =>
  backoff?.version === version ? backoff : undefined;
