import type { QueueSettings } from '../../platform/config/functions';
import { groupKey, type TodoKind, todoKey, todoKeyOf } from './keys';
import { type Evidence, isEnd, type JobRow, waitsForItsTime } from './row';
import { shownState } from './states';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The longest wait for what a job owes. Such jobs of a stopped vendor stand in its list by the end of their wait. */
export const LONGEST_OWED_MS = DAY;
/** A row that the producer never marked as sent is cancelled after this time. */
const UNSENT_AFTER_MS = 15 * MINUTE;
/** A released or retried job whose message was not sent then gets it after this time. */
const SEND_AFTER_MS = 2 * MINUTE;
/** After this time the reconciler completes an end that lacks its record or its DLQ entry. */
const UNFINISHED_AFTER_MS = 5 * MINUTE;
/** A job that has ended, and whose next write fails again and again, is active up to this time from now. */
export const ENDED_WITHIN_MS = 2 * HOUR;
/** An ended job's row lives this long after its end, or longer while an operator can retry it. */
export const ROW_LIFETIME_MS = 45 * DAY;
/** A kept body is deleted at least a day before its row expires. */
const BODY_LIFETIME_MS = 44 * DAY;
/** The bucket's lifecycle rule deletes a job's objects after this time: bodies, data, lists and attachments. */
export const OBJECT_LIFETIME_MS = 120 * DAY;

/** How long after its send a message can come: the queue's retention, and an hour for clocks. In ms. */
export const expiresAfter = ({ retention }: Pick<QueueSettings, 'retention'>): number => retention * 1000 + HOUR;

/** Whether an open job is sent from its kept body. The row of a planned job says that it is kept before it is. */
export const isSentFromKept = ({ bodyKept, notBefore, holds, generation }: JobRow): boolean =>
  bodyKept === true && (notBefore === undefined || holds > 0 || generation > 1);

const due = (row: JobRow, kind: TodoKind, at: number) => ({ todo: todoKeyOf(row, kind), todoAt: at });

type Lifetimes = Pick<QueueSettings, 'retention' | 'retryDays'>;

/** What the reconciler must do next with a row, and when. */
export function todoOf(row: JobRow, settings: Lifetimes): { todo: string; todoAt: number } | undefined {
  const { state, reason, vendor, sentAt, updatedAt, retryAt = updatedAt, owed } = row;
  const expires = (sentAt ?? updatedAt) + expiresAfter(settings);
  switch (state) {
    case 'queued':
      if (sentAt === undefined)
        return due(row, 'active', isSentFromKept(row) ? updatedAt + SEND_AFTER_MS : row.createdAt + UNSENT_AFTER_MS);
      return due(row, 'active', expires);
    case 'processing':
      return due(row, 'active', Math.max((row.lease?.until ?? 0) + HOUR, expires));
    case 'held':
      if (waitsForItsTime(row)) return due(row, 'planned', retryAt);
      // All who call a vendor under a shared rate wait after a 429, so a released job that must wait does not call.
      if (vendor && (reason === 'stopped' || (reason === 'throttled' && !owed)))
        return {
          todo: todoKey(row.queue, 'held', vendor),
          todoAt: owed?.until ? owed.until - LONGEST_OWED_MS : retryAt,
        };
      if (reason === 'unknown' && isProven(row)) return due(row, 'held', updatedAt);
      if (reason === 'paused' || reason === 'unknown') return due(row, reason, updatedAt);
      return due(row, 'held', retryAt);
    default:
      return todoOfEnd(row, settings);
  }
}

const isProven = (row: JobRow): boolean =>
  provenSteps(row).length === Object.values(row.steps).filter(({ status }) => status === 'unknown').length;

export const provenSteps = ({ steps, evidence = {} }: Pick<JobRow, 'steps' | 'evidence'>): [string, Evidence][] =>
  Object.entries(evidence).filter(([name]) => steps[name]?.status === 'unknown');

function todoOfEnd(row: JobRow, { retryDays }: Lifetimes): { todo: string; todoAt: number } | undefined {
  const { updatedAt, endedAt = updatedAt, parkedAt } = row;
  if (provenSteps(row).length > 0) return due(row, 'active', updatedAt);
  if (row.recordedAt === undefined || (needsEntry(row) && parkedAt === undefined))
    return due(row, 'active', endedAt + UNFINISHED_AFTER_MS);
  if (keepsEntry(row)) return due(row, 'dead', parkedAt ?? updatedAt);
  const dropsAt = updatedAt + (retryDays === undefined ? BODY_LIFETIME_MS : retryDays * DAY);
  // Operators still look at it. Without a body it is never due: its row expires before.
  if (shownState(row) === 'dead') return due(row, 'expired', row.bodyKept ? dropsAt : updatedAt + 2 * ROW_LIFETIME_MS);
  return row.bodyKept ? due(row, 'kept', dropsAt) : undefined;
}

/**
 * The row's entry in the index. That of an active job comes soon after its acceptance and then stays, because a move
 * costs two writes, and most jobs end before. When it is due too early, the reconciler moves it (lib/engine/reconcile/ends.ts).
 */
function entryOf(row: JobRow, settings: Lifetimes): ReturnType<typeof todoOf> {
  const next = todoOf(row, settings);
  const active = todoKeyOf(row, 'active');
  const { todo = active, todoAt = row.createdAt + UNFINISHED_AFTER_MS, updatedAt } = row;
  const stays = todo === active && next?.todo === active && todoAt < next.todoAt && todoAt > updatedAt;
  return stays ? { todo, todoAt } : next;
}

/** Adds the index attributes. A canary's row has only the expiry, so that no walk through an index meets it. */
export function withSchedule(row: JobRow, settings: Lifetimes): JobRow {
  const { todo: _todo, todoAt: _todoAt, expiresAt: _expiresAt, ...rest } = row;
  const { updatedAt, endedAt = updatedAt } = row;
  const until = row.bodyKept || keepsEntry(row) ? updatedAt + ROW_LIFETIME_MS : endedAt + ROW_LIFETIME_MS;
  const expiresAt = Math.ceil(Math.max(until, updatedAt + DAY) / 1000);
  // The row outlives its message in any queue. Without its row, the message would count as a job.
  if (row.canary) return { ...rest, expiresAt };
  return {
    ...rest,
    accepted: row.queue,
    ...(row.group === undefined || row.group === row.id ? {} : { inGroup: groupKey(row.queue, row.group) }),
    ...entryOf(row, settings),
    ...(isEnd(row.state) ? { expiresAt } : {}),
  };
}

/** Whether the end of a job has an entry in the DLQ. The message of an expired job is gone; a replaced one needs none. */
export const needsEntry = ({ state, reason, replacedBy }: Pick<JobRow, 'state' | 'reason' | 'replacedBy'>): boolean =>
  state === 'dead' && reason !== 'expired' && replacedBy === undefined;

/** Whether the entry was neither discarded nor found expired. It may still have to be sent. */
export const keepsEntry = (row: Pick<JobRow, 'state' | 'reason' | 'replacedBy' | 'leftDlqAt'>): boolean =>
  needsEntry(row) && row.leftDlqAt === undefined;
