import type { QueueSettings } from '../config/common';
import { groupKey, hourKey, type TodoKind, todoKey, todoKeyOf } from './keys';
import { type Evidence, isEnd, type JobRow, waitsForItsTime } from './row';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A row that the producer never marked as sent is cancelled after this time. */
const UNSENT_AFTER_MS = 15 * MINUTE;
/** A released or retried job whose message was not sent then gets it after this time. */
const SEND_AFTER_MS = 2 * MINUTE;
/** After this time the reconciler completes an end that lacks its record or its DLQ entry. */
const UNFINISHED_AFTER_MS = 5 * MINUTE;
/** An ended job's row lives this long after its last write. */
export const ROW_LIFETIME_MS = 45 * DAY;
/** A kept body is deleted a day before its row expires, and so are the lists of a campaign. */
export const BODY_LIFETIME_MS = 44 * DAY;
/** The bucket's lifecycle rule deletes a job's objects after this time: bodies, data, lists and attachments. */
export const OBJECT_LIFETIME_MS = 120 * DAY;

/** How long after its send a message can come: the queue's retention, and an hour for clocks. In ms. */
export const expiresAfter = ({ retention }: Pick<QueueSettings, 'retention'>): number => retention * 1000 + HOUR;

/** Whether an open job is sent from its kept body. The row of a planned job says that it is kept before it is. */
export const isSentFromKept = ({ bodyKept, notBefore, holds, generation }: JobRow): boolean =>
  bodyKept === true && (notBefore === undefined || holds > 0 || generation > 1);

const due = (row: JobRow, kind: TodoKind, at: number) => ({ todo: todoKeyOf(row, kind), todoAt: at });

function todoOf(row: JobRow, settings: Pick<QueueSettings, 'retention'>): { todo: string; todoAt: number } | undefined {
  const { state, reason, vendor, sentAt, updatedAt, retryAt = updatedAt } = row;
  const expires = (sentAt ?? updatedAt) + expiresAfter(settings);
  switch (state) {
    case 'queued':
      if (sentAt === undefined)
        return due(row, 'unsent', isSentFromKept(row) ? updatedAt + SEND_AFTER_MS : row.createdAt + UNSENT_AFTER_MS);
      return due(row, 'waiting', expires);
    case 'processing':
      return due(row, 'waiting', Math.max((row.lease?.until ?? 0) + HOUR, expires));
    case 'held':
      if (waitsForItsTime(row)) return due(row, 'planned', retryAt);
      if (vendor && (reason === 'stopped' || reason === 'throttled'))
        return { todo: todoKey(row.queue, 'held', vendor), todoAt: retryAt };
      if (reason === 'unknown' && isProven(row)) return due(row, 'held', updatedAt);
      if (reason === 'paused' || reason === 'unknown') return due(row, reason, updatedAt);
      return due(row, 'held', retryAt);
    default:
      return todoOfEnd(row);
  }
}

/** Whether there is evidence for every unknown step. */
const isProven = (row: JobRow): boolean =>
  provenSteps(row).length === Object.values(row.steps).filter(({ status }) => status === 'unknown').length;

/** The unknown steps that have evidence, with that evidence. */
export const provenSteps = ({ steps, evidence = {} }: Pick<JobRow, 'steps' | 'evidence'>): [string, Evidence][] =>
  Object.entries(evidence).filter(([name]) => steps[name]?.status === 'unknown');

function todoOfEnd(row: JobRow): { todo: string; todoAt: number } | undefined {
  const { updatedAt, endedAt = updatedAt, parkedAt, publishFrom } = row;
  if (provenSteps(row).length > 0) return due(row, 'ending', updatedAt);
  if (row.recordedAt === undefined || (needsEntry(row) && parkedAt === undefined))
    return due(row, 'ending', endedAt + UNFINISHED_AFTER_MS);
  if (keepsEntry(row)) return due(row, 'dead', parkedAt ?? updatedAt);
  if (row.reason === 'never-sent' && publishFrom !== undefined) return due(row, 'unpublished', publishFrom);
  return row.bodyKept ? due(row, 'kept', updatedAt + BODY_LIFETIME_MS) : undefined;
}

/** Adds the index attributes. A canary's row has only the expiry, so that no walk through an index meets it. */
export function withSchedule(row: JobRow, settings: Pick<QueueSettings, 'retention'>): JobRow {
  const { todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...rest } = row;
  const expiresAt = Math.ceil((row.updatedAt + ROW_LIFETIME_MS) / 1000);
  // The row outlives its message in any queue. Without its row, the message would count as a job.
  if (row.canary) return { ...rest, expiresAt };
  return {
    ...rest,
    hour: hourKey(row.queue, row.time),
    ...(row.group === undefined ? {} : { inGroup: groupKey(row.queue, row.group) }),
    ...todoOf(row, settings),
    ...(isEnd(row.state) ? { expiresAt } : {}),
  };
}

/** Whether the end of a job has an entry in the DLQ. The message of an expired job is gone. */
export const needsEntry = ({ state, reason }: Pick<JobRow, 'state' | 'reason'>): boolean =>
  state === 'dead' && reason !== 'expired';

/** Whether the entry was neither discarded nor found expired. It may still have to be sent. */
export const keepsEntry = (row: Pick<JobRow, 'state' | 'reason' | 'leftDlqAt'>): boolean =>
  needsEntry(row) && row.leftDlqAt === undefined;

/** Whether the entry was sent and is in the DLQ at the time `now`. */
export const hasEntry = (
  { settings }: { settings: (queue: string) => Pick<QueueSettings, 'dlqRetention'> },
  row: JobRow,
  now: number,
): boolean => keepsEntry(row) && (row.parkedAt ?? 0) > now - settings(row.queue).dlqRetention * 1000;
