import type { JobRow } from './row';

/** Times are ms in the table and ISO 8601 in the record, which people and query engines read. */
const TIMES = new Set(['at', 'time', 'startedAt', 'endedAt', 'createdAt', 'firstStartedAt', 'sentAt']);

/**
 * A job's S3 record: derived from its row, so that writing it again is harmless. Its `version` is the row's when the
 * record was made. Nothing in it is personal or secret: rows hold neither, and what a step keeps to itself stays out.
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
  } = row;
  return JSON.stringify({ record: 1, ...shown, steps }, (name, value: unknown) =>
    TIMES.has(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
  );
}

/** The row that a record was made from, for a job whose row is gone; `undefined` where it is no record of ours. */
export function rowOfRecord(text: string, key: string): JobRow | undefined {
  const { record, ...row } = JSON.parse(text, (name, value: unknown) =>
    TIMES.has(name) && typeof value === 'string' ? Date.parse(value) : value,
  ) as JobRow & { record?: number };
  if (record !== 1) return undefined;
  return { ...row, key, version: 0, writer: '', recordedAt: row.endedAt ?? 0, updatedAt: row.endedAt ?? 0 } as JobRow;
}
