import type { Completion, Objects } from '../../platform/ports';
import { recordKey } from './keys';
import type { Ledger } from './ledger';
import { isEnd, type JobRow, present, redacted, traceOf, without } from './row';
import { ROW_DAMAGED, rowOf, UnreadableRowError } from './row-schema';

const RECORD = 1;

/** These times are ms in the table. In the record they are ISO 8601, for people and query engines. */
const TIMES = new Set(['at', 'time', 'startedAt', 'endedAt', 'createdAt', 'firstStartedAt', 'sentAt', 'notBefore']);

/**
 * A job's S3 record. It is derived from the row, so writing it again is harmless. Its `version` is the row's version at
 * that time. It holds nothing personal or secret, because rows hold neither and confidential results are left out.
 */
export function recordOf(row: JobRow): string {
  // A row that is being erased keeps its hashes until all else is done, so that a second run finds it.
  const shown = without(row.erased ? redacted(row) : row, NOT_IN_RECORD);
  const steps = Object.fromEntries(
    Object.entries(row.steps).map(([name, { confidential: _confidential, hash: _hash, ...step }]) => [name, step]),
  );
  return JSON.stringify({ record: RECORD, ...shown, steps }, (name, value: unknown) =>
    TIMES.has(name) && typeof value === 'number' ? new Date(value).toISOString() : value,
  );
}

/** What only the table needs. */
const NOT_IN_RECORD = [
  ...(['key', 'writer', 'lease', 'todo', 'todoAt', 'accepted', 'inGroup', 'expiresAt', 'schema', 'failures'] as const),
  ...(['recordedAt', 'parkedAt', 'leftDlqAt', 'token', 'updatedAt'] as const),
  ...(['dueSince', 'heldSince', 'outcomeAt', 'firstSequence', 'files', 'owed'] as const),
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
 * The row of a job that the table does not know. `made`: its row if nothing has happened to it yet. If an old job's row
 * has expired, the record shows how it ended. Throws an UnreadableRowError for a record that does not parse.
 */
export async function recordedRow(
  { objects, prefix, clock }: { objects: Objects; prefix: string; clock: { now(): number } },
  made: JobRow,
): Promise<JobRow> {
  if (clock.now() - made.time < DAY_MS) return made;
  const record = await objects.get(recordKey(prefix, made));
  return record ? rowOfRecord(Buffer.from(record).toString('utf8'), made.key) : made;
}

const iso = (time: number): string => new Date(time).toISOString();

/** An end that nothing can change. A late message or an operator can open any other job again. */
export const isFinal = ({ state, reason }: JobRow): boolean => state === 'succeeded' || reason === 'superseded';

/** The event about the end of a job. It follows from the row alone, so a repeat is the same. Nothing is personal. */
export function completionOf(row: JobRow): Completion {
  const { id, queue, type, generation, state, reason, result, error, firstStartedAt, endedAt = row.updatedAt } = row;
  const { without } = row;
  return present({
    id: `${id}:${generation}:${state}`,
    job: id,
    queue,
    type,
    generation,
    state,
    reason,
    final: isFinal(row),
    result: state === 'succeeded' ? result : undefined,
    error: state === 'dead' && error ? present({ code: error.code, field: error.field }) : undefined,
    without,
    ...traceOf(row),
    acceptedAt: iso(row.time),
    startedAt: firstStartedAt === undefined ? undefined : iso(firstStartedAt),
    endedAt: iso(endedAt),
  });
}

const JSON_TYPE = 'application/json';

/**
 * Writes the record of an ended row. A write that lands late replaces no newer record: the first needs a free key, and
 * each later one the record that was read before its row.
 */
export async function putRecord(
  { objects, ledger, prefix }: { objects: Objects; ledger: Pick<Ledger, 'get'>; prefix: string },
  row: JobRow,
): Promise<void> {
  const key = recordKey(prefix, row);
  if ((await objects.create(key, recordOf(row), JSON_TYPE)) === 'created') return;
  for (;;) {
    const stored = await objects.read(key);
    const newest = (await ledger.get(row.key)) ?? row;
    // The job was opened again. Its next end gets a record.
    if (!isEnd(newest.state)) return;
    const text = recordOf(newest);
    // Our own write landed although its answer was lost, or another run has written the same record.
    if (stored && Buffer.from(stored.bytes).toString('utf8') === text) return;
    const answer = stored
      ? await objects.replace(key, text, JSON_TYPE, stored.etag)
      : await objects.create(key, text, JSON_TYPE);
    if (answer === 'replaced' || answer === 'created') return;
  }
}
