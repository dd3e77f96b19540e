import type { Objects } from '../ports';
import { damagedRecordKey, recordKey } from './keys';
import { rowOfRecord } from './record';
import type { JobRow } from './row';
import { RECORD_DAMAGED } from './row-schema';

const DAY_MS = 24 * 60 * 60_000;

/**
 * The row of a job that the table does not know. `made`: its row if nothing has happened to it yet. An old job may have
 * ended, and its row may have expired. Then the record shows how it ended. Throws a NewerRowError for a record of newer
 * code.
 */
export async function recordedRow(
  { objects, prefix, clock }: { objects: Objects; prefix: string; clock: { now(): number } },
  made: JobRow,
): Promise<JobRow> {
  if (clock.now() - made.time < DAY_MS) return made;
  const record = await objects.get(recordKey(prefix, made));
  if (!record) return made;
  const row = rowOfRecord(Buffer.from(record).toString('utf8'), made.key);
  if (row) return row;
  // The record may be all that is left of what the job has done, so the job must not run.
  await objects.put(damagedRecordKey(prefix, made.queue, made.id), record, 'application/json');
  return { ...made, damage: RECORD_DAMAGED };
}
