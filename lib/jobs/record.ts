import type { Objects } from '../ports';
import { recordKey } from './keys';
import { type JobRow, without } from './row';
import { ROW_DAMAGED, rowOf, UnreadableRowError } from './stored-row';

/** The version of records that this code writes. */
const RECORD = 1;

/** These times are ms in the table. In the record they are ISO 8601, for people and query engines. */
const TIMES = new Set(['at', 'time', 'startedAt', 'endedAt', 'createdAt', 'firstStartedAt', 'sentAt', 'notBefore']);

/**
 * A job's S3 record. It is derived from the row, so writing it again is harmless. Its `version` is the row's version at
 * that time. It holds nothing personal or secret, because rows hold neither and confidential results are left out.
 */
export function recordOf(row: JobRow): string {
  const steps = Object.fromEntries(
    Object.entries(row.steps).map(([name, { kept: _kept, hash: _hash, ...shown }]) => [name, shown]),
  );
  return JSON.stringify({ record: RECORD, ...without(row, HIDDEN), steps }, (name, value: unknown) =>
    TIMES.has(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
  );
}

/** What only the table needs. */
const HIDDEN = [
  ...(['key', 'writer', 'lease', 'todo', 'todoAt', 'hour', 'inGroup', 'expiresAt', 'schema', 'failures'] as const),
  ...(['recordedAt', 'publishFrom', 'parkedAt', 'leftDlqAt', 'token', 'updatedAt'] as const),
  ...(['dueSince', 'heldSince', 'outcomeAt', 'firstSequence'] as const),
];

/** The row of a job whose row is gone, from its record. Throws an UnreadableRowError. */
export function rowOfRecord(text: string, key: string): JobRow {
  const { record, ...stored } = parsed(text);
  if (typeof record === 'number' && record > RECORD) throw new UnreadableRowError('NewerRow', 'record');
  const at = typeof stored.endedAt === 'number' ? stored.endedAt : 0;
  const item = { ...stored, key, version: 1, writer: '', recordedAt: at, updatedAt: at };
  try {
    return { ...rowOf(item), version: 0 };
  } catch {
    throw new UnreadableRowError(ROW_DAMAGED, 'record');
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text, (name, value: unknown) =>
      TIMES.has(name) && typeof value === 'string' ? Date.parse(value) : value,
    );
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

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
