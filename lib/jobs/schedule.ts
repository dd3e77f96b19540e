import type { QueueSettings } from '../config/common';
import { groupKey, hourKey, shardedTodoKey, type TodoKind, todoKey } from './keys';
import { keepsEntry, needsEntry } from './park';
import { type Evidence, isEnd, type JobRow, waitsForItsTime } from './row';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A row that the producer never marked as sent is cancelled after this time. */
const UNSENT_AFTER_MS = 15 * MINUTE;
/** After this time the reconciler completes an end that lacks its record or its DLQ entry. */
export const UNFINISHED_AFTER_MS = 5 * MINUTE;
/** An ended job's row lives this long after its last write. */
export const ROW_LIFETIME_MS = 45 * DAY;
/** A kept body is deleted a day before its row expires, and so are the lists of a campaign. */
export const BODY_LIFETIME_MS = 44 * DAY;
/** The bucket's lifecycle rule deletes a job's objects after this time: bodies, data, lists and attachments. */
export const OBJECT_LIFETIME_MS = 120 * DAY;

/** Until when a message of an ended job can come, if its producer sent one: the queue's retention, and an hour for clocks. */
export const lastMessageAt = (row: JobRow, { retention }: Pick<QueueSettings, 'retention'>): number =>
  (row.endedAt ?? row.updatedAt) + retention * 1000 + HOUR;

const due = (queue: string, kind: TodoKind, at: number) => ({ todo: todoKey(queue, kind), todoAt: at });

function todoOf(row: JobRow, settings: Pick<QueueSettings, 'retention'>): { todo: string; todoAt: number } | undefined {
  const { queue, id } = row;
  const waiting = shardedTodoKey(queue, 'waiting', id);
  switch (row.state) {
    case 'queued':
      if (row.sentAt === undefined)
        return { todo: shardedTodoKey(queue, 'unsent', id), todoAt: row.createdAt + UNSENT_AFTER_MS };
      return { todo: waiting, todoAt: row.sentAt + settings.retention * 1000 + HOUR };
    case 'processing':
      return {
        todo: waiting,
        todoAt: Math.max(row.lease?.until ?? 0, (row.sentAt ?? row.updatedAt) + settings.retention * 1000) + HOUR,
      };
    case 'held':
      if (waitsForItsTime(row)) return due(queue, 'planned', row.retryAt ?? row.updatedAt);
      if (row.vendor && (row.reason === 'stopped' || row.reason === 'throttled'))
        return { todo: todoKey(queue, 'held', row.vendor), todoAt: row.retryAt ?? row.updatedAt };
      if (row.reason === 'unknown' && isProven(row)) return due(queue, 'held', row.updatedAt);
      if (row.reason === 'paused' || row.reason === 'unknown') return due(queue, row.reason, row.updatedAt);
      return due(queue, 'held', row.retryAt ?? row.updatedAt);
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
  const ending = shardedTodoKey(row.queue, 'ending', row.id);
  if (provenSteps(row).length > 0) return { todo: ending, todoAt: row.updatedAt };
  const unfinishedAt = (row.endedAt ?? row.updatedAt) + UNFINISHED_AFTER_MS;
  if (row.recordedAt === undefined || (needsEntry(row) && row.parkedAt === undefined))
    return { todo: ending, todoAt: unfinishedAt };
  if (keepsEntry(row)) return due(row.queue, 'dead', row.parkedAt ?? row.updatedAt);
  if (row.reason === 'never-sent' && row.publishFrom !== undefined)
    return due(row.queue, 'unpublished', row.publishFrom);
  if (row.bodyKept) return due(row.queue, 'kept', row.updatedAt + BODY_LIFETIME_MS);
  return undefined;
}

/**
 * Adds the index attributes to a row. They follow from the rest of the row: what the reconciler must do and when, the
 * hour, the message group, and an ended job's expiry. A canary's row has only the expiry, so that no walk through an index meets it.
 */
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
