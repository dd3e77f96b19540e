import type { Item } from '../ports';
import type { JobRow } from './row';
import { itemOf, rowOf } from './stored-row';

/** These times are ms in the table. In the record they are ISO 8601, for people and query engines. */
const TIMES = new Set(['at', 'time', 'startedAt', 'endedAt', 'createdAt', 'firstStartedAt', 'sentAt']);

/**
 * A job's S3 record. It is derived from the row, so writing it again is harmless. Its `version` is the row's version at
 * that time. It holds nothing personal or secret, because rows hold neither and confidential results are left out.
 */
export function recordOf(row: JobRow): string {
  const steps = Object.fromEntries(
    Object.entries(row.steps).map(([name, { kept: _kept, hash: _hash, ...shown }]) => [name, shown]),
  );
  const {
    key: _key,
    writer: _writer,
    lease: _lease,
    todo: _todo,
    todoAt: _todoAt,
    hour: _hour,
    expiresAt: _expiresAt,
    recordedAt: _recordedAt,
    recordFrom: _recordFrom,
    parkedAt: _parkedAt,
    leftDlqAt: _leftDlqAt,
    updatedAt: _updatedAt,
    due: _due,
    ticket: _ticket,
    backoff: _backoff,
    ...shown
  } = itemOf(row);
  return JSON.stringify({ record: 1, ...shown, steps }, (name, value: unknown) =>
    TIMES.has(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
  );
}

/** The row of a job whose row is gone, from its record. `undefined` if the text is no record of ours. */
export function rowOfRecord(text: string, key: string): JobRow | undefined {
  const { record, ...stored } = JSON.parse(text, (name, value: unknown) =>
    TIMES.has(name) && typeof value === 'string' ? Date.parse(value) : value,
  ) as Item;
  if (record !== 1) return undefined;
  const row = rowOf({ ...stored, key, version: 0, writer: '' });
  return { ...row, recordedAt: row.endedAt ?? 0, updatedAt: row.endedAt ?? 0 };
}
