import type { Objects } from '../ports';
import { recordKey } from './keys';
import { rowOfRecord } from './record';
import type { JobRow } from './row';

const DAY_MS = 24 * 60 * 60_000;

/**
 * The row of a job that the table does not know. `made`: its row if nothing has happened to it yet. An old job may have
 * ended, and its row may have expired. Then the record shows how it ended. Throws an UnreadableRowError
 * for a record that does not parse, because it may be all that is left of what the job has done.
 */
export async function recordedRow(
  { objects, prefix, clock }: { objects: Objects; prefix: string; clock: { now(): number } },
  made: JobRow,
): Promise<JobRow> {
  if (clock.now() - made.time < DAY_MS) return made;
  const record = await objects.get(recordKey(prefix, made));
  return record ? rowOfRecord(Buffer.from(record).toString('utf8'), made.key) : made;
}
