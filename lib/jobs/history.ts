import { appended } from './capped-list';
import type { CancelledReason, DeadReason, HeldReason, HistoryEntry, JobEvent, JobRow } from './row';

/** An event as readers ask about it. Of a reason or an event that newer code stores, no more is known than its text. */
export type Read =
  | { kind: 'accepted' | 'sent' | 'released' | 'returned' | 'started' | 'crashed' | 'given back' | 'retry' }
  | { kind: 'succeeded' | 'redriven' | 'entry expired' | 'entry discarded' | 'other' }
  | { kind: 'held' | 'dead' | 'cancelled'; reason: string }
  | { kind: 'reopened'; by: 'message' | 'operator' }
  | { kind: 'proven'; step: string }
  | { kind: 'settled'; step: string; as: string };

type Fixed = Exclude<JobEvent, `held (${HeldReason})` | `dead (${DeadReason})` | `cancelled (${CancelledReason})`>;

const FIXED: Record<Exclude<Fixed, `${string} proven` | `${string} settled as ${string}`>, Read> = {
  accepted: { kind: 'accepted' },
  sent: { kind: 'sent' },
  released: { kind: 'released' },
  'returned untried': { kind: 'returned' },
  started: { kind: 'started' },
  'ended without outcome': { kind: 'crashed' },
  'given back': { kind: 'given back' },
  retry: { kind: 'retry' },
  succeeded: { kind: 'succeeded' },
  reopened: { kind: 'reopened', by: 'message' },
  'reopened (operator)': { kind: 'reopened', by: 'operator' },
  'redriven (operator)': { kind: 'redriven' },
  'DLQ entry expired': { kind: 'entry expired' },
  'DLQ entry discarded (operator)': { kind: 'entry discarded' },
};

/** The only place that knows how events are spelled. */
export function readEvent(event: string): Read {
  if (Object.hasOwn(FIXED, event)) return FIXED[event as keyof typeof FIXED];
  const [, state, reason = ''] = /^(held|dead|cancelled) \((.+)\)$/.exec(event) ?? [];
  if (state) return { kind: state as 'held' | 'dead' | 'cancelled', reason };
  const [, proven] = /^(.+) proven$/.exec(event) ?? [];
  if (proven) return { kind: 'proven', step: proven };
  const [, step, as = ''] = /^(.+) settled as (\w+) \(operator\)$/.exec(event) ?? [];
  return step ? { kind: 'settled', step, as } : { kind: 'other' };
}

type History = JobRow['history'];

/** Whether an entry is of one of these kinds. */
export const ofKind =
  (...kinds: Read['kind'][]) =>
  ({ event }: Pick<HistoryEntry, 'event'>): boolean =>
    kinds.includes(readEvent(event).kind);

/** When it was opened again last, by a message that came or by an operator. */
const lastOpened = (history: History): HistoryEntry | undefined => history.findLast(ofKind('reopened'));

/** What happened since the job was opened last. */
export const sinceOpened = (history: History): History => history.slice(history.findLastIndex(ofKind('reopened')) + 1);

/** When it was held first since it was opened last: a job that is held over and over waits as a whole. */
export const heldSince = ({ history }: Pick<JobRow, 'history'>): number | undefined =>
  sinceOpened(history).find(ofKind('held'))?.at;

/** Why it was held last. */
export function lastHeldReason({ history }: Pick<JobRow, 'history'>): string | undefined {
  const held = history.findLast(ofKind('held'));
  const read = held && readEvent(held.event);
  return read?.kind === 'held' ? read.reason : undefined;
}

/** Stands beside a crashed run that other jobs may have crashed. */
export const NOT_ALONE = 'beside other jobs';

/** Runs since it was opened last that ended without any outcome while no other job ran in their invocation. */
export const crashedRuns = ({ history }: Pick<JobRow, 'history'>): number =>
  sinceOpened(history).filter((entry) => ofKind('crashed')(entry) && entry.note !== NOT_ALONE).length;

/** Whether a run has had an outcome, or the job an end, since a time. */
export function hadOutcome({ history, endedAt }: Pick<JobRow, 'history' | 'endedAt'>, since: number): boolean {
  return (endedAt ?? 0) >= since || history.some((entry) => entry.at >= since && ofKind('retry', 'held')(entry));
}

/** Whether anything happened with a message after it was returned. */
export const heardOf = ({ history }: Pick<JobRow, 'history'>, messageId: string): boolean =>
  history.some((entry) => entry.messageId === messageId && !ofKind('returned')(entry));

/**
 * The history with an entry about a message that was sent. Its writer sends first, since the send may fail: by then a
 * worker may have taken the message. The entry goes before what the message caused, however late it is written.
 */
export function withSend(history: History, entry: HistoryEntry): History {
  const list = appended(history, entry);
  const caused = ({ messageId, event }: HistoryEntry) => messageId === entry.messageId && event !== entry.event;
  const at = list.findIndex(caused);
  return at < 0 ? list : [...list.slice(0, at), entry, ...list.slice(at, -1)];
}

/**
 * When a job was last due, ms since 1970: when it was sent first, when its last wait outside the queue was to end, or
 * when it was opened again, whichever came last. A campaign's chunk is due when it is released, not when its campaign
 * was accepted. Retries do not count: their waits are ours.
 */
export function dueTime(row: JobRow): number {
  const first = Math.min(row.createdAt, row.deliveries[0]?.sentAt ?? row.createdAt);
  const opened = lastOpened(row.history);
  const openedBy = row.deliveries.findLast(({ messageId }) => messageId === opened?.messageId);
  return Math.max(first, row.due ?? 0, openedBy?.sentAt ?? opened?.at ?? 0);
}

/** When a job was first started since it was due, if that start was its last one. */
export function firstStart(row: JobRow): number | undefined {
  const due = dueTime(row);
  const starts = row.history.filter((entry) => entry.at >= due && ofKind('started')(entry));
  return starts.length === 1 ? starts[0]?.at : undefined;
}
