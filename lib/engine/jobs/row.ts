import { type ErrorClass, type ErrorDetails, JobError, SUPERSEDED, type Vendor } from '../../platform/errors';
import type { ItemHead, Random } from '../../platform/ports';
import { type Envelope, payloadHash, publicForm } from './envelope';
import { jobKey } from './keys';
import type { Reason, State } from './states';

export type { CancelledReason, DeadReason, HeldReason, Reason, State } from './states';

declare const made: unique symbol;
/** The state in a row. Only transitions.ts and `blankRow` make one. */
export type MadeState = State & { readonly [made]: true };

/** A side effect. `started` is written before the call, the rest after it. For a `started` step the vendor is asked. */
export interface Step {
  status: 'started' | 'done' | 'unknown' | 'skipped';
  startedAt: number;
  endedAt?: number;
  /** The step's result, small and without personal data, for example the id that a vendor gave. */
  result?: unknown;
  /** A confidential result for a resumed run. It stays in the table, out of records and answers. */
  confidential?: unknown;
  /** Why it is `unknown` or `skipped`. Of a `started` step: the code by which the vendor refused the request itself. */
  reason?: string;
  /** Earlier code stored a hash of the request. Nothing reads it. */
  hash?: string;
}

/** Proof that a step took effect, other than the vendor's answer: its event, or an operator's word (`operator`). */
export interface Evidence {
  at: number;
  event: string;
  messageId?: string;
}

/** The result of a step that evidence proves, in place of the vendor's answer. */
export const provenResult = ({ event, messageId }: Evidence) => ({
  evidence: event,
  ...(messageId ? { messageId } : {}),
});

/** Something that a succeeded job lacks: a step or a part of its request, and the code that says why. */
export interface Lack {
  what: string;
  code: string;
}

/** A promised effect that is all that is left of its job. From then on nothing ends the job as dead. */
export interface Owed {
  step: string;
  vendor: Vendor;
  /** The job's result without this step. */
  result: unknown;
  /** When the job ends without it. Absent until a run has set it. */
  until?: number;
  /** How long operators had paused the vendor in all when `until` was set, in ms. */
  pausedMs?: number;
  /** Its limit has allowed it. */
  allowed?: true;
}

/** An error as it is stored. It names rules and kinds, never values. */
export type StoredError = Omit<ErrorDetails, 'cause'> & { class: ErrorClass };

/** What a history says happened. It is text for people: what code must know is in fields. */
export type JobEvent =
  | ('accepted' | 'planned' | 'sent' | 'released' | 'returned untried')
  | ('started' | 'ended without outcome' | 'given back' | 'retry' | 'succeeded')
  | `${'held' | 'dead' | 'cancelled'} (${Reason})`
  | ('reopened' | 'reopened (operator)' | 'replaced (operator)' | 'resent (operator)')
  | ('DLQ entry expired' | 'DLQ entry discarded (operator)' | 'discarded (operator)' | 'erased (operator)')
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

export interface Delivery {
  messageId: string;
  /** The message came in another message group than the row names. */
  otherGroup?: true;
  sequence?: string;
  receiveCount: number;
  sentAt: number;
  at: number;
}

/** The clocks of two functions may differ by this much. Comparisons of their times allow for it. */
export const CLOCK_SKEW_MS = 2_000;

export const BY_ITS_PRODUCER = 'by its producer';

/** One job in the table. Times are milliseconds since 1970. */
export interface JobRow extends ItemHead {
  queue: string;
  id: string;
  type?: string;
  source?: string;
  group?: string;
  /** The caller that may see and cancel the job: a keyed hash of its principal. Absent if it was sent without one. */
  owner?: string;
  /** A keyed hash of the address that the job is about. */
  person?: string;
  /** The envelope's `sequence`: the number among all jobs of `source`. */
  sequence?: string;
  correlationId?: string;
  /** The S3 keys of the uploads that its producer's call named. */
  files?: readonly string[];
  /** The id of what the job is a part of, which can pause it. */
  parent?: string;
  traceparent?: string;
  /** The envelope's `time`, which decides the record's key. */
  time: number;
  payloadHash: string;
  /** A random value that our own messages carry. Absent while only messages of another program are about the job. */
  token?: string;
  state: MadeState;
  reason?: Reason;
  /** 1 at first, one more each time the job is opened again. */
  generation: number;
  /** Attempts since the job was last opened. */
  attempts: number;
  /** In a row, and since the job was last opened. Only a run counts in whose invocation no other job ran. */
  crashes: number;
  crashesSinceOpened?: number;
  /** When a vendor first failed in one of its runs since the job was last opened. */
  failingSince?: number;
  holds: number;
  /** When it was first held since the job was last opened, other than for a retry. Several holds in a row count as one. */
  heldSince?: number;
  /** When a run last ended with an outcome. */
  outcomeAt?: number;
  /** The end of the wait of a held job, or of a job whose message comes back. */
  retryAt?: number;
  notBefore?: number;
  /**
   * From when the job's times are measured: the planned end of its last wait outside the queue, or its last opening.
   * Retries do not count, because we chose their waits.
   */
  dueSince?: number;
  vendor?: string;
  lease?: { token: string; until: number; messageId: string };
  /** Messages that the job was parked or held from. A delivery of one of them is late, not new. */
  spentMessageIds: string[];
  steps: Record<string, Step>;
  /** The key is the step. Evidence may come while the step runs, before it is `unknown`. */
  evidence?: Record<string, Evidence>;
  error?: StoredError;
  result?: unknown;
  /** The paths of cosmetic fields that were left out, because they could not be used. */
  warnings?: readonly string[];
  owed?: Owed;
  /** What the job succeeded without. */
  without?: readonly Lack[];
  /** How often an operator sent the missing mail after the job's end. */
  resends?: number;
  history: HistoryEntry[];
  deliveries: Delivery[];
  createdAt: number;
  updatedAt: number;
  /** SQS's sequence number of the job's first message, written by the producer or the reconciler. */
  firstSequence?: string;
  /** When the present message entered its queue. */
  sentAt?: number;
  firstStartedAt?: number;
  endedAt?: number;
  recordedAt?: number;
  parkedAt?: number;
  /** The message that this end was parked from. It names the DLQ entry. */
  parkedFrom?: string;
  /** When its DLQ entry was found to have expired or was discarded. */
  leftDlqAt?: number;
  discarded?: true;
  /** An operator erased the person whom it was about. No message and no operator opens the job again. */
  erased?: true;
  /** Who cancelled it: an operator's audit object, its producer, or the later job that superseded it. */
  cancelledBy?: string;
  /** The job that an operator sent in place of this one, with other data. This one is never retried. */
  replacedBy?: string;
  /** Whether the body is in S3 under `_bodies/`. The row of a planned job says so shortly before. */
  bodyKept?: boolean;
  /** The reconciler sent it to see whether the queue works (lib/engine/reconcile/measure.ts). */
  canary?: true;
  /** How often in a row the reconciler's work on it has failed (lib/engine/reconcile/due.ts). Any other write removes it. */
  failures?: number;
  schema?: number;
}

type Optional<T> = { [Name in keyof T]-?: undefined extends T[Name] ? Name : never }[keyof T];
type Present<T> = Omit<T, Optional<T>> & { [Name in Optional<T>]?: Exclude<T[Name], undefined> };

/** The fields that have a value. Stored items and messages have no others. */
export const present = <T extends object>(fields: T): Present<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;

export const without = <Row extends object>(row: Row, names: readonly (keyof JobRow | keyof Row)[]): Row =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !(names as readonly string[]).includes(name))) as Row;

/** A row, or the content of a record, without the hashes that lead to a person. */
export const redacted = <Row extends object>(row: Row): Row => ({
  ...without(row, ['person', 'group', 'inGroup', 'owner', 'files']),
  erased: true,
});

/** The step that a succeeded job lacks. It could still be done, so the body is kept. A later command leaves nothing to do. */
export const lackedStep = ({ state, without = [], steps }: Pick<JobRow, 'state' | 'without' | 'steps'>) =>
  state === 'succeeded'
    ? without.find(({ what, code }) => steps[what] !== undefined && code !== SUPERSEDED)
    : undefined;

export const withoutStep = (steps: JobRow['steps'], name: string): JobRow['steps'] =>
  Object.fromEntries(Object.entries(steps).filter(([key]) => key !== name));

const MOST_ENTRIES = 100;

/** Appends to a list in a row. A full list keeps its first half and loses the oldest entry of the rest. */
export function appended<T>(list: readonly T[], entry: T): T[] {
  if (list.length < MOST_ENTRIES) return [...list, entry];
  const first = MOST_ENTRIES / 2;
  return [...list.slice(0, first), ...list.slice(first + 1), entry];
}

export const withEntry = <Row extends { history: HistoryEntry[] }>(row: Row, entry: HistoryEntry): Row => ({
  ...row,
  history: appended(row.history, entry),
});

export const isEnd = (state: State): boolean => state === 'succeeded' || state === 'dead' || state === 'cancelled';

/** Whether the job waits for the time that its producer planned. After its first start it never does again. */
export const waitsForItsTime = ({ state, notBefore, firstStartedAt }: JobRow): boolean =>
  state === 'held' && notBefore !== undefined && firstStartedAt === undefined;

/** Our own messages are one sentence. */
const MAX_MESSAGE = 500;

/**
 * The code of a job that waits for a vendor whose circuit is open. All jobs of an outage have it, whatever the vendor
 * answered to which of them: the circuit says what the vendor answers now, and a row's history what it answered then.
 */
export const VENDOR_STOPPED = 'VendorStopped';
/** The code of a job that waits for a vendor that an operator has paused. */
export const VENDOR_PAUSED = 'VendorPaused';
/** The codes of an outage. A dead job has the first one if its vendor failed for as long as the queue keeps a message. */
export const VENDOR_DOWN = 'VendorDown';
export const VENDOR_REFUSES = 'VendorRefuses';

/** The part of an error that a row, a record, a log line and a DLQ attribute may hold. */
export function storedError(error: unknown): StoredError {
  // An unknown error's text may quote personal data, so none of it is passed on.
  if (!(error instanceof JobError)) return { class: 'transient', code: 'Unexpected', message: 'an unexpected error' };
  const { code, message, vendor, status, field } = error;
  return present({ class: error.class, code, message: message.slice(0, MAX_MESSAGE), vendor, status, field });
}

type Traced = { [name in 'correlationId' | 'parent' | 'traceparent']?: string | undefined };

/** What the caller gave to follow a job through logs, records and vendors. Both ids are opaque and not personal. */
export const traceOf = ({ correlationId, traceparent }: Traced): { correlationId?: string; traceparent?: string } =>
  present({ correlationId, traceparent });

/** The ids of `traceOf` for a log line, and that of the job's parent. */
export const traceFacts = ({ correlationId, traceparent, parent }: Traced): Traced =>
  present({ correlationId, traceparent, parent });

export interface Origin {
  queue: string;
  id: string;
  /** When the job was first accepted, in ms since 1970. */
  time: number;
  payloadHash: string;
  group: string | undefined;
  token?: string | undefined;
  now: number;
}

/** The row of a job that nothing has happened to yet. The ledger sets version and writer at the first write. */
export function blankRow({ queue, id, time, payloadHash, group, token, now }: Origin): JobRow {
  return {
    key: jobKey(queue, id),
    version: 0,
    writer: '',
    queue,
    id,
    time,
    payloadHash,
    ...present({ token, group: group ? publicForm('group', group) : undefined }),
    state: 'queued' as MadeState,
    generation: 1,
    attempts: 0,
    crashes: 0,
    holds: 0,
    spentMessageIds: [],
    steps: {},
    history: [],
    deliveries: [],
    createdAt: now,
    updatedAt: now,
  };
}

/** The row of a job that an envelope describes. Names that may be personal stay in the envelope. */
export function rowOfEnvelope({
  envelope,
  ...origin
}: Pick<Origin, 'queue' | 'group' | 'token' | 'now'> & { envelope: Envelope }): JobRow {
  const { correlationid, parent, owner, person, sequence, traceparent, leftout, left = [] } = envelope;
  const warnings = [...(leftout?.split(',') ?? []), ...left];
  const correlationId = correlationid === undefined ? undefined : publicForm('correlationId', correlationid);
  return {
    ...blankRow({ ...origin, id: envelope.id, time: Date.parse(envelope.time), payloadHash: payloadHash(envelope) }),
    type: publicForm('type', envelope.type),
    source: publicForm('source', envelope.source),
    ...present({ sequence, correlationId, parent, owner, person, traceparent }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/**
 * The first version of a job's row. The producer writes it. With `notBefore`, the row names the kept body before it is
 * there. If the producer dies between the two, the body is deleted with the row.
 */
export function newRow({
  random,
  group,
  notBefore,
  ...rest
}: Pick<Origin, 'queue' | 'now'> &
  Partial<Pick<Origin, 'group'>> & { envelope: Envelope; notBefore?: number | undefined; random: Random }): JobRow {
  const row = rowOfEnvelope({ ...rest, group, token: random.uuid() });
  const planned = notBefore === undefined ? {} : { notBefore, bodyKept: true };
  return { ...row, ...planned, version: 1, writer: random.uuid(), history: [{ at: rest.now, event: 'accepted' }] };
}

/** No queue's contract has this type, so a message without a canary's row is refused. */
export const CANARY_TYPE = 'canary.v1';
