import { JobError, STEP_UNKNOWN } from '../../platform/errors';
import {
  appended,
  type CancelledReason,
  type DeadReason,
  type Delivery,
  type HeldReason,
  type HistoryEntry,
  type JobEvent,
  type JobRow,
  type Owed,
  present,
  type State,
  type Step,
  type StoredError,
  VENDOR_PAUSED,
  VENDOR_STOPPED,
  withEntry,
  without,
  withoutStep,
} from './row';

export const ILLEGAL_TRANSITION = 'IllegalTransition';

/** The arrow does not start at the row's state. Nothing was written. */
export class IllegalTransitionError extends JobError {
  override readonly name = 'IllegalTransitionError';
  readonly class = 'transient';

  readonly jobId: string;
  readonly state: State;

  constructor(arrow: ArrowName, { id, state, reason }: JobRow) {
    super({
      code: ILLEGAL_TRANSITION,
      message: `a job that is ${state}${reason ? ` (${reason})` : ''} cannot follow the arrow ${arrow}`,
    });
    this.jobId = id;
    this.state = state;
  }
}

function moved(row: JobRow, arrow: ArrowName, next: JobRow): JobRow {
  if (!mayFollow(row, arrow)) throw new IllegalTransitionError(arrow, row);
  return { ...next, state: ARROWS[arrow].to as JobRow['state'] };
}

/** What belongs to a row's last end, hold or run. */
export const OF_LAST = [
  ...(['lease', 'reason', 'retryAt', 'vendor', 'endedAt', 'result', 'cancelledBy'] as const),
  ...(['recordedAt', 'parkedAt', 'parkedFrom', 'leftDlqAt', 'discarded'] as const),
];
const withoutEnd = (row: JobRow): JobRow => without(row, OF_LAST);

const opened = (row: JobRow): JobRow => ({
  ...without(withoutEnd(row), ['crashesSinceOpened', 'failingSince', 'heldSince', 'owed']),
  attempts: 0,
  crashes: 0,
});

/** 1 if the row was found `processing` after its lease had ended. */
const crash = (row: JobRow): number => (row.state === 'processing' ? 1 : 0);

/** Crashed runs in a row, including the run whose lease has ended by now. */
export const crashesOf = (row: JobRow): number => row.crashes + crash(row);

/** The producer has kept the body, and the job waits outside the queue for its time. */
export function plan(row: JobRow, at: number): JobRow {
  const start = row.notBefore ?? at;
  const events: HistoryEntry[] = [{ at, event: 'planned' }];
  if (row.state === 'cancelled') events.unshift({ at, event: 'reopened' });
  return moved(row, 'plan', {
    ...opened(row),
    reason: 'retry',
    generation: row.generation + (row.state === 'cancelled' ? 1 : 0),
    holds: row.holds + 1,
    retryAt: start,
    // A repeated call may come after the planned time.
    dueSince: Math.max(start, at),
    bodyKept: true,
    history: events.reduce(appended, row.history),
  });
}

type Start = {
  at: number;
  delivery: Delivery;
  group?: string | undefined;
  lease: NonNullable<JobRow['lease']>;
  /** The last run could not store its outcome, and did not crash. */
  survived?: boolean;
};

/** A run takes the job. It opens a dead or never-sent job again. `group`: the message's. */
export function claim(row: JobRow, { at, delivery, group, lease, survived = false }: Start): JobRow {
  const { messageId } = delivery;
  const crashed = survived ? 0 : crash(row);
  const isOther = row.group !== undefined && group !== undefined && group !== row.group;
  const reopened = row.state === 'dead' || row.state === 'cancelled';
  const events: HistoryEntry[] = [];
  if (survived) events.push({ at, event: 'given back', note: 'its run could not write that' });
  else if (row.state === 'processing') events.push({ at, event: 'ended without outcome' });
  if (reopened) events.push({ at, event: 'reopened', messageId });
  events.push({ at, event: 'started', messageId });
  const base = reopened ? opened(row) : withoutEnd(row);
  return moved(row, 'claim', {
    ...base,
    ...(crashed ? { crashesSinceOpened: (row.crashesSinceOpened ?? 0) + 1 } : {}),
    // An old copy of the message can open a job, although it was sent before an operator's retry.
    ...(reopened ? { dueSince: Math.max(row.dueSince ?? 0, delivery.sentAt) } : {}),
    lease,
    generation: row.generation + (reopened ? 1 : 0),
    attempts: base.attempts + crashed,
    crashes: base.crashes + crashed,
    history: events.reduce(appended, row.history),
    // Not the other group itself: no index leads from a person's group to this row.
    deliveries: appended(row.deliveries, isOther ? { ...delivery, otherGroup: true } : delivery),
    ...(row.group === undefined && group !== undefined ? { group } : {}),
    sentAt: delivery.sentAt,
    firstStartedAt: row.firstStartedAt ?? at,
  });
}

/** How a run ended. `counts`: whether it was an attempt. `vendorFailed`: a vendor failed in it. */
interface RunEnd {
  at: number;
  messageId: string;
  error?: StoredError | undefined;
  counts: boolean;
  vendorFailed?: boolean | undefined;
  note?: string | undefined;
}

function afterRun(row: JobRow, event: JobEvent, { at, messageId, error, counts, vendorFailed, note }: RunEnd): JobRow {
  const attempts = row.attempts + (counts ? 1 : 0);
  const attempt = counts ? { attempt: attempts } : {};
  const entry = present({ at, event, messageId, ...attempt, error, note });
  const failing = vendorFailed ? { failingSince: row.failingSince ?? at } : {};
  return withEntry(
    { ...withoutEnd(row), attempts, crashes: 0, outcomeAt: at, ...failing, ...present({ error }) },
    entry,
  );
}

export function succeed(row: JobRow, { result, ...run }: { at: number; messageId: string; result: unknown }): JobRow {
  const { error: _error, owed: _owed, ...rest } = afterRun(row, 'succeeded', { ...run, counts: true });
  return moved(row, 'succeed', { ...rest, endedAt: run.at, ...(result === undefined ? {} : { result }) });
}

/**
 * What the job owes, which is all that is left of it, is given up, and `code` says why. What may have taken effect is
 * unknown. `messageId`: of the run that found out.
 */
export function giveUp(
  row: JobRow,
  { at, code, bodyKept, ...run }: { at: number; code: string; messageId?: string; bodyKept?: boolean },
): JobRow {
  const { step, result } = row.owed as Owed;
  const tried = row.steps[step];
  const mayBeSent = tried?.status === 'started' || tried?.status === 'unknown';
  const lack = tried?.status === 'done' ? undefined : { what: step, code: mayBeSent ? STEP_UNKNOWN : code };
  const outcome: Step = mayBeSent
    ? { endedAt: at, reason: 'NoAnswer', ...tried, status: 'unknown' }
    : { status: 'skipped', startedAt: tried?.startedAt ?? at, endedAt: at, reason: code };
  const said = lack === undefined ? 'sent' : mayBeSent ? 'unknown' : (`skipped: ${code}` as const);
  const note = lack && `without ${step}: ${lack.code}`;
  const ended =
    run.messageId === undefined
      ? withEntry(withoutEnd(row), { at, event: 'succeeded', ...(note && { note }) })
      : afterRun(row, 'succeeded', { at, messageId: run.messageId, counts: true, note });
  return moved(row, 'giveUp', {
    ...without(ended, ['error', 'owed']),
    endedAt: at,
    result: { ...(result as object), [step]: said },
    ...(lack && { without: [...(row.without ?? []), lack], steps: { ...row.steps, [step]: outcome } }),
    ...(bodyKept ? { bodyKept } : {}),
  });
}

/** The message stays in the queue and comes back after the wait. */
export const retry = (row: JobRow, { waitMs, ...run }: RunEnd & { waitMs: number }): JobRow =>
  moved(row, 'retry', { ...afterRun(row, 'retry', run), retryAt: run.at + waitMs });

/** The job is left as it was before the run, so that the run does not look like a crash. */
export const giveBack = (row: JobRow, entry: Omit<HistoryEntry, 'event'>): JobRow =>
  moved(row, 'giveBack', withEntry(withoutEnd(row), { ...entry, event: 'given back' }));

/** Adds a message that must not run the job again, because the job left the queue from it. */
const spent = (row: JobRow, messageId: string): string[] => appended(row.spentMessageIds, messageId);

/** `bodyKept`: the body is stored in S3, always before the row says so. A canary keeps no body. */
type Leaving = RunEnd & { bodyKept: boolean };

export function hold(
  row: JobRow,
  { reason, waitMs, bodyKept, ...run }: Leaving & { reason: HeldReason; waitMs: number },
): JobRow {
  return moved(row, 'hold', {
    ...afterRun(row, `held (${reason})`, run),
    reason,
    holds: row.holds + 1,
    ...(reason === 'retry' ? {} : { heldSince: row.heldSince ?? run.at }),
    retryAt: run.at + waitMs,
    spentMessageIds: spent(row, run.messageId),
    ...(bodyKept ? { bodyKept } : {}),
    ...(run.error?.vendor ? { vendor: run.error.vendor } : {}),
    ...(reason === 'stopped' && run.error ? { error: ofOutage(run.error) } : {}),
  });
}

/** What the row of a job says that waits for a stopped vendor. Its history has the error of the run. */
const ofOutage = (error: StoredError): StoredError =>
  error.code === VENDOR_PAUSED ? error : { ...error, code: VENDOR_STOPPED };

export function park(row: JobRow, { reason, bodyKept, ...run }: Leaving & { reason: DeadReason }): JobRow {
  if (row.owed) return giveUp(row, { ...run, bodyKept, code: run.error?.code ?? 'Unknown' });
  return moved(row, 'park', {
    ...afterRun(row, `dead (${reason})`, run),
    reason,
    endedAt: run.at,
    parkedFrom: run.messageId,
    spentMessageIds: spent(row, run.messageId),
    ...(bodyKept ? { bodyKept } : {}),
  });
}

/** The run found the job cancelled with its parent, or replaced by a later command, whose job `note` names. */
export function stop(
  row: JobRow,
  { at, messageId, reason, note }: Pick<RunEnd, 'at' | 'messageId' | 'note'> & { reason: CancelledReason },
): JobRow {
  const { error: _error, ...rest } = afterRun(row, `cancelled (${reason})`, { at, messageId, counts: false, note });
  const by = note === undefined ? {} : { cancelledBy: note };
  return moved(row, 'stop', { ...rest, ...by, reason, endedAt: at, spentMessageIds: spent(row, messageId) });
}

export function release(row: JobRow, at: number): JobRow {
  const { reason, retryAt = at } = row;
  // A job that waited for an operator or a vendor was due only now. `OldestHeld` reports how long it waited.
  const dueSince = reason === 'throttled' || reason === 'retry' ? retryAt : at;
  const { sentAt: _sentAt, ...released } = withoutEnd(row);
  return moved(row, 'release', withEntry({ ...released, dueSince }, { at, event: 'released' }));
}

/** The row after its message was sent. `sequence`: SQS's number of that message, which may be the job's first. */
export function sent(
  row: JobRow,
  { at, messageId, sequence }: { at: number; messageId: string; sequence?: string | undefined },
): JobRow {
  const isFirst = sequence !== undefined && row.firstSequence === undefined && row.deliveries.length === 0;
  const next = { ...row, ...(isFirst ? { firstSequence: sequence } : {}), sentAt: at };
  const last = row.history.at(-1);
  if (last === undefined || last.event === 'accepted') return withEntry(next, { at, event: 'sent', messageId });
  return { ...next, history: [...row.history.slice(0, -1), { ...last, messageId }] };
}

interface DeadEnd {
  at: number;
  reason: DeadReason;
  error: StoredError;
  messageId?: string;
}

function dead(row: JobRow, arrow: ArrowName, { at, reason, error, ...of }: DeadEnd): JobRow {
  if (row.owed) return giveUp(row, { at, code: error.code });
  const ended = { ...withoutEnd(row), reason, error, endedAt: at };
  return moved(row, arrow, withEntry(ended, { at, event: `dead (${reason})`, error, ...of }));
}

/** The kept body is gone, so the job can only end as dead. */
export const endWithoutBody = (row: JobRow, end: { at: number; error: StoredError }): JobRow =>
  dead(row, 'endWithoutBody', { ...end, reason: 'error' });

/** SQS dead-lettered the message after it had killed its workers. */
export const parkPoison = (row: JobRow, end: DeadEnd & { messageId: string }): JobRow => ({
  ...dead(row, 'parkPoison', end),
  ...(row.owed ? {} : { parkedFrom: end.messageId }),
  bodyKept: true,
  spentMessageIds: spent(row, end.messageId),
});

/** SQS deleted the message at the end of the queue's retention. */
export const expire = (row: JobRow, end: { at: number; error: StoredError }): JobRow =>
  dead(row, 'expire', { ...end, reason: 'expired' });

export const neverSent = (row: JobRow, at: number): JobRow => {
  const ended = { ...withoutEnd(row), reason: 'never-sent' as const, endedAt: at };
  return moved(row, 'neverSent', withEntry(ended, { at, event: 'cancelled (never-sent)' }));
};

/** The job's message is acknowledged when it comes. What its steps have done stays done. `by`: who cancelled it. */
export function cancel(row: JobRow, at: number, by?: string): JobRow {
  const ended = { ...withoutEnd(row), reason: 'operator' as const, endedAt: at, ...(by ? { cancelledBy: by } : {}) };
  return moved(row, 'cancel', withEntry(ended, { at, event: 'cancelled (operator)', ...(by ? { note: by } : {}) }));
}

/** The last unknown step is resolved: the job can be released now. */
export const resolve = (row: JobRow, at: number): JobRow =>
  moved(row, 'resolve', { ...row, reason: 'retry', retryAt: at });

/** A message may run the job again. A planned job starts now, so its times are measured from now on. */
export function reopen(row: JobRow, entry: HistoryEntry): JobRow {
  const again = { ...opened(row), generation: row.generation + 1, dueSince: entry.at };
  return moved(row, 'reopen', withEntry(again, entry));
}

/** Only the step that the succeeded job lacks runs again. It stays the same end, so the generation stays. */
export function resend(
  row: JobRow,
  { owed, ...entry }: HistoryEntry & { owed: Pick<Owed, 'step' | 'vendor'> },
): JobRow {
  const left = row.without?.filter(({ what }) => what !== owed.step) ?? [];
  return moved(row, 'resend', {
    ...without(withEntry(opened(row), entry), ['sentAt', 'without']),
    ...(left.length > 0 && { without: left }),
    owed: { ...owed, result: row.result },
    resends: (row.resends ?? 0) + 1,
    steps: withoutStep(row.steps, owed.step),
    dueSince: entry.at,
  });
}

/** A state where arrows begin. A cancelled job's reason decides whether a message may open it again. */
export type FromState = Exclude<State, 'cancelled'> | `cancelled (${CancelledReason})`;

export const FROM_STATES: readonly FromState[] = [
  ...(['queued', 'processing', 'held', 'succeeded', 'dead'] as const),
  ...(['cancelled (never-sent)', 'cancelled (operator)', 'cancelled (superseded)'] as const),
];

/**
 * Every arrow of a job's life. The functions of transitions.ts follow them, and nothing else in the project assigns a
 * row's state, reason, attempts or counters. docs/jobs.md says who follows each arrow, and when.
 */
export const ARROWS = {
  plan: { from: ['queued', 'cancelled (never-sent)'], to: 'held' },
  claim: { from: ['queued', 'processing', 'dead', 'cancelled (never-sent)'], to: 'processing' },
  succeed: { from: ['processing'], to: 'succeeded' },
  giveUp: { from: ['queued', 'processing', 'held'], to: 'succeeded' },
  retry: { from: ['processing'], to: 'queued' },
  giveBack: { from: ['processing'], to: 'queued' },
  hold: { from: ['processing'], to: 'held' },
  park: { from: ['processing'], to: 'dead' },
  stop: { from: ['processing'], to: 'cancelled' },
  release: { from: ['held'], to: 'queued' },
  endWithoutBody: { from: ['held', 'queued'], to: 'dead' },
  parkPoison: { from: ['queued', 'processing'], to: 'dead' },
  expire: { from: ['queued', 'processing'], to: 'dead' },
  neverSent: { from: ['queued'], to: 'cancelled' },
  cancel: { from: ['queued', 'processing', 'held'], to: 'cancelled' },
  resolve: { from: ['held'], to: 'held' },
  reopen: { from: ['dead', 'cancelled (never-sent)', 'cancelled (operator)'], to: 'queued' },
  resend: { from: ['succeeded'], to: 'queued' },
} as const satisfies Record<string, { from: readonly FromState[]; to: State }>;

export type ArrowName = keyof typeof ARROWS;

export function fromStateOf({ state, reason }: Pick<JobRow, 'state' | 'reason'>): FromState | undefined {
  const name = state === 'cancelled' ? `cancelled (${reason})` : state;
  return FROM_STATES.find((from) => from === name);
}

export const mayFollow = (row: Pick<JobRow, 'state' | 'reason'>, arrow: ArrowName): boolean =>
  ARROWS[arrow].from.some((from) => from === fromStateOf(row));

/** Whether no message runs the job: it waits outside the queue, it succeeded, or it was cancelled. */
export const isClosed = (row: Pick<JobRow, 'state' | 'reason'>): boolean => !mayFollow(row, 'claim');

export const isCancelledByOperator = (row: Pick<JobRow, 'state' | 'reason'>): boolean =>
  fromStateOf(row) === 'cancelled (operator)';
