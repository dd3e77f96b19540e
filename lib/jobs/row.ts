import type { ErrorClass } from '../errors';
import type { Item } from '../ports';

/**
 * A job's life: `queued → processing → succeeded | dead | cancelled`, with `held` between. `reason` says which kind:
 * held(paused|throttled|retry|stopped|unknown|behind), dead(error|crash|expired), cancelled(never-sent|operator).
 */
export type State = 'queued' | 'processing' | 'held' | 'succeeded' | 'dead' | 'cancelled';
declare const made: unique symbol;
/** A state as a row holds it. Only a transition, or a new row, makes one (lib/jobs/transitions.ts, new-row.ts). */
export type MadeState = State & { readonly [made]: true };
export type HeldReason = 'paused' | 'throttled' | 'retry' | 'stopped' | 'unknown' | 'behind';
export type DeadReason = 'error' | 'crash' | 'expired';
export type CancelledReason = 'never-sent' | 'operator';
export type Reason = HeldReason | DeadReason | CancelledReason;

/** A side effect. `started` is written before the call, the rest after it; found `started`, the vendor is asked. */
export interface Step {
  status: 'started' | 'done' | 'unknown' | 'skipped';
  startedAt: number;
  endedAt?: number;
  /** What the step brought, small and without personal data: a ticket's id, a message's id. */
  result?: unknown;
  /** What a resumed run needs and nobody else may see: it stays in the table, out of records and answers. */
  kept?: unknown;
  /** Why it is `unknown` or `skipped`. */
  reason?: string;
  /** What the step's request was made of, where a repeat must be the same to the byte. */
  hash?: string;
}

/** A sign that a step took effect, from elsewhere than the vendor's answer: its events, or a person who looked. */
export interface Evidence {
  at: number;
  /** What was seen, e.g. `delivered`; `operator` where a person says so. */
  event: string;
  /** The vendor's id of what was done, where the sign names it. */
  messageId?: string;
}

/** An error as it is stored: rules and kinds, never values. */
export interface StoredError {
  class: ErrorClass;
  code: string;
  message: string;
  vendor?: string;
  status?: number;
  field?: string;
}

/** What a job's history can say (lib/jobs/history.ts reads it). A stored contract: none of these is renamed. */
export type JobEvent =
  | 'accepted'
  | 'sent'
  | 'released'
  | 'returned untried'
  | 'started'
  | 'ended without outcome'
  | 'given back'
  | 'retry'
  | 'succeeded'
  | `held (${HeldReason})`
  | `dead (${DeadReason})`
  | `cancelled (${CancelledReason})`
  | 'reopened'
  | 'reopened (operator)'
  | 'redriven (operator)'
  | 'DLQ entry expired'
  | 'DLQ entry discarded (operator)'
  | `${string} proven`
  | `${string} settled as ${'done' | 'skipped'} (operator)`;

export interface HistoryEntry<Event extends string = JobEvent> {
  at: number;
  event: Event;
  messageId?: string;
  attempt?: number;
  error?: StoredError;
  note?: string;
}

/** One delivery's coordinates in SQS, for finding a message again. */
export interface Delivery {
  messageId: string;
  group?: string;
  sequence?: string;
  receiveCount: number;
  sentAt: number;
  at: number;
}

/** Work of the reconciler that failed. The next write to the row, other than this note, removes it. */
export interface Backoff {
  /** The row's: code that does not know this note may keep it in later ones. */
  version: number;
  /** When the reconciler tries again. */
  until: number;
  /** Failures in a row. */
  times: number;
  /** Why the last try failed. */
  code: string;
}

/** One job in the table. Times are milliseconds since 1970. */
export interface JobRow extends Item {
  queue: string;
  id: string;
  type?: string;
  source?: string;
  group?: string;
  /** The envelope's `sequence`: the place among all jobs of `source`. */
  sequence?: string;
  correlationId?: string;
  traceparent?: string;
  /** The envelope's `time`: decides the record's key. */
  time: number;
  payloadHash: string;
  state: MadeState;
  reason?: Reason;
  /** How often the job was opened: 1 at first, one more for each redrive or retry. */
  opened: number;
  /** Counted attempts since it was last opened. */
  attempts: number;
  /** Runs since it was last opened, alone in their invocation, that ended without any outcome, in a row. */
  silent: number;
  /** How often it was held: names the release (`{id}:h:{n}`). */
  holds: number;
  dueAt?: number;
  /** When its last wait outside the queue was to end: what its times are measured from. */
  due?: number;
  /** Its place in the line of its group when it was held last, if that was behind the front (lib/jobs/order.ts). */
  ticket?: number;
  /** The vendor that stopped it. */
  vendor?: string;
  /** `alone`: no other job ran in the invocation, so that a death of the process is this job's. */
  lease?: { token: string; until: number; messageId: string; alone: boolean };
  /** Message ids that it was parked or held from: a delivery of one of them is late, not new. */
  left: string[];
  steps: Record<string, Step>;
  /** By step. It may come before its step is `unknown`, while it runs. */
  evidence?: Record<string, Evidence>;
  error?: StoredError;
  /** What the worker says of a success: small, no personal data. */
  result?: unknown;
  history: HistoryEntry[];
  deliveries: Delivery[];
  createdAt: number;
  updatedAt: number;
  /** When the message entered the queue that it is in now. */
  sentAt?: number;
  firstStartedAt?: number;
  endedAt?: number;
  /** When this end's S3 record was written. */
  recordedAt?: number;
  /** Until then the write of an earlier end's record, whose answer never came, may still land: no record is written. */
  recordFrom?: number;
  /** When this end's DLQ entry was sent. */
  parkedAt?: number;
  /** The message that this end was parked from: names the entry (`{id}:p:{messageId}`). */
  parkedFrom?: string;
  /** When its DLQ entry was found to have expired or was discarded. */
  leftDlqAt?: number;
  /** The body lies under `_bodies/`. */
  bodyKept?: boolean;
  /** The reconciler sent it to see whether the queue works (lib/jobs/canary.ts). */
  canary?: true;
  /** The reconciler's work on the row as it is now has failed (lib/jobs/backoff.ts). */
  backoff?: Backoff;
}

export const isEnd = (state: State): boolean => state === 'succeeded' || state === 'dead' || state === 'cancelled';
