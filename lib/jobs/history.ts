import { appended } from './capped-list';
import type { CancelledReason, DeadReason, HeldReason, HistoryEntry, JobEvent, JobRow } from './row';

const made = (text: string): JobEvent => text as JobEvent;

const FIXED = {
  accepted: made('accepted'),
  planned: made('planned'),
  sent: made('sent'),
  released: made('released'),
  returned: made('returned untried'),
  started: made('started'),
  crashed: made('ended without outcome'),
  givenBack: made('given back'),
  retry: made('retry'),
  succeeded: made('succeeded'),
  reopened: made('reopened'),
  redriven: made('redriven (operator)'),
  entryExpired: made('DLQ entry expired'),
  entryDiscarded: made('DLQ entry discarded (operator)'),
  replaced: made('replaced (operator)'),
};

/** Makes every event that a history can have. The texts are stored, so none may change. */
export const EVENT = {
  ...FIXED,
  reopenedByOperator: made('reopened (operator)'),
  held: (reason: HeldReason) => made(`held (${reason})`),
  dead: (reason: DeadReason) => made(`dead (${reason})`),
  cancelled: (reason: CancelledReason) => made(`cancelled (${reason})`),
  proven: (step: string) => made(`${step} proven`),
  resolved: (step: string, as: 'done' | 'skipped') => made(`${step} settled as ${as} (operator)`),
};

/** A parsed event. The reason is plain text, because newer code may store reasons that this code does not know. */
export type Read =
  | { kind: keyof typeof FIXED | 'other' }
  | { kind: 'held' | 'dead' | 'cancelled'; reason: string }
  | { kind: 'proven'; step: string }
  | { kind: 'resolved'; step: string; as: string };

const KINDS = new Map<string, keyof typeof FIXED>([
  ...Object.entries(FIXED).map(([kind, text]) => [text, kind as keyof typeof FIXED] as const),
  [EVENT.reopenedByOperator, 'reopened'],
]);

/** Parses an event. Readers of a history use this function, and never the stored text. */
export function readEvent(event: string): Read {
  const fixed = KINDS.get(event);
  if (fixed) return { kind: fixed };
  const [, state, reason = ''] = /^(held|dead|cancelled) \((.+)\)$/.exec(event) ?? [];
  if (state) return { kind: state as 'held' | 'dead' | 'cancelled', reason };
  const [, proven] = /^(.+) proven$/.exec(event) ?? [];
  if (proven) return { kind: 'proven', step: proven };
  const [, step, as = ''] = /^(.+) settled as (\w+) \(operator\)$/.exec(event) ?? [];
  return step ? { kind: 'resolved', step, as } : { kind: 'other' };
}

/** The row with one more entry in its history. */
export const noted = <Row extends { history: HistoryEntry[] }>(row: Row, entry: HistoryEntry): Row => ({
  ...row,
  history: appended(row.history, entry),
});

type History = JobRow['history'];

/** Makes a test for entries of these kinds. */
export const ofKind =
  (...kinds: Read['kind'][]) =>
  ({ event }: Pick<HistoryEntry, 'event'>): boolean =>
    kinds.includes(readEvent(event).kind);

/** The entries since the job was last opened. */
export const sinceOpened = (history: History): History => history.slice(history.findLastIndex(ofKind('reopened')) + 1);

/** When the job was first held since it was last opened. Several holds in a row count as one wait. */
export const heldSince = ({ history }: Pick<JobRow, 'history'>): number | undefined =>
  sinceOpened(history).find(ofKind('held'))?.at;

/** When a job that was planned since it was last opened should have started. */
export function plannedSince({ history, notBefore = 0 }: Pick<JobRow, 'history' | 'notBefore'>): number | undefined {
  const planned = sinceOpened(history).find(ofKind('planned'));
  return planned && Math.max(planned.at, notBefore);
}

/** The note at a crashed run that another job may have crashed. */
export const NOT_ALONE = 'beside other jobs';

/** Whether a run had an outcome, or the job ended, since a time. */
export function hadOutcome({ history, endedAt }: Pick<JobRow, 'history' | 'endedAt'>, since: number): boolean {
  return (endedAt ?? 0) >= since || history.some((entry) => entry.at >= since && ofKind('retry', 'held')(entry));
}

/** Whether the history has anything about a message except its return. */
export const heardOf = ({ history }: Pick<JobRow, 'history'>, messageId: string): boolean =>
  history.some((entry) => entry.messageId === messageId && !ofKind('returned')(entry));

/**
 * Adds an entry about a message that was sent. The sender writes the entry after the send, because the send may fail.
 * By then a worker may have run the message, so the entry goes before what the message caused.
 */
export function withSend(history: History, entry: HistoryEntry): History {
  const list = appended(history, entry);
  const caused = ({ messageId, event }: HistoryEntry) => messageId === entry.messageId && event !== entry.event;
  const at = list.findIndex(caused);
  return at < 0 ? list : [...list.slice(0, at), entry, ...list.slice(at, -1)];
}

/**
 * When a job was last due, in ms since 1970. That is the latest of three times: the first send, the planned end of the
 * last wait outside the queue, and the last opening. A campaign's chunk is due when it is released, not when its
 * campaign was accepted. Retries do not count, because we chose their waits.
 */
export function dueTime(row: JobRow): number {
  const first = Math.min(row.createdAt, row.deliveries[0]?.sentAt ?? row.createdAt);
  const openings = row.history.filter(ofKind('reopened')).map(({ at, messageId }) => {
    const by = row.deliveries.findLast((delivery) => delivery.messageId === messageId);
    return by?.sentAt ?? at;
  });
  // Take the latest of all openings. An old copy of the message can reopen a job, although it was sent before an
  // operator's retry.
  return Math.max(first, row.dueSince ?? 0, ...openings);
}
