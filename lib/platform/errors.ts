/**
 * What an error means for a job. The class decides what the engine (lib/engine/worker) does, by the table of docs/jobs.md,
 * "What happens to an error". Codes and fields explain, but a 403 with a field is about the job, and a pause has a code
 * of its own. Any other error counts as transient, and its step stays `started`.
 */
export type ErrorClass = 'transient' | 'wait' | 'stop' | 'permanent' | 'ambiguous' | 'store';

/** The name of an outside service that can refuse us (lib/queues/queues.ts). Its circuit, its alarms and its metrics have it. */
export type Vendor = string;

/**
 * What logs, rows, records and DLQ attributes may say about an error. `message` and `field` name rules, never values:
 * a value may be personal data, and a vendor's text may repeat it.
 */
export interface ErrorDetails {
  /** Stable and machine-readable, e.g. `InvalidField`, `ZendeskRejected`. */
  code: string;
  message: string;
  vendor?: Vendor | undefined;
  status?: number | undefined;
  /** Path of the offending field, e.g. `data.user.email`. */
  field?: string | undefined;
  cause?: unknown;
}

/** Base of the errors that the engine understands. `cause` is never logged. Its class and code count where it is one too. */
export abstract class JobError extends Error {
  abstract readonly class: ErrorClass;
  readonly code: string;
  readonly vendor: Vendor | undefined;
  readonly status: number | undefined;
  readonly field: string | undefined;

  constructor({ code, message, vendor, status, field, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.vendor = vendor;
    this.status = status;
    this.field = field;
  }
}

/** The vendor certainly did nothing and another try may work, for example after a refused connection. */
export class TransientError extends JobError {
  override readonly name = 'TransientError';
  readonly class = 'transient';
}

/** The call has to wait: a 429, no rate slot, or no budget left. `waitMs` counts from now. */
export class WaitError extends JobError {
  override readonly name = 'WaitError';
  readonly class = 'wait';
  readonly waitMs: number;

  constructor({ waitMs, ...details }: ErrorDetails & { waitMs: number }) {
    super(details);
    this.waitMs = waitMs;
  }
}

/** The vendor refuses us and not the job: a 401, a missing agreement. An operator has to fix it. */
export class StopError extends JobError {
  override readonly name = 'StopError';
  readonly class = 'stop';
}

/** Whether this code says that a vendor refuses us. Then an operator must act; any other failure ends by itself. */
export const isRefusal = (code: string | undefined): boolean =>
  /(Unauthorized|Misconfigured)$|^(AgreementMissing|Forbidden)$/.test(code ?? '');

/** This job cannot succeed: an invalid body, a 4xx about it. The worker parks it and never retries it on its own. */
export class PermanentError extends JobError {
  override readonly name = 'PermanentError';
  readonly class = 'permanent';
}

/** A 403 that is not the vendor's own: a firewall before it refuses the words of the request, or us. It had no effect. */
export class FilteredError extends PermanentError {}

/** `rule` says in words what is wrong with the field, never the value. */
export const wrongField = (code: string, field: string, rule: string): PermanentError =>
  new PermanentError({ code, message: `${field}: ${rule}`, field });

/** The vendor refuses this request itself. The same request can only be refused again, so it did and does nothing. */
export const refusesRequest = (error: unknown): boolean =>
  error instanceof PermanentError &&
  error.status !== undefined &&
  // A 403 without a field may be about us.
  (error.status !== 403 || error.field !== undefined);

/** A job with other data has this id and took effect. The worker noticed that in time, so this job changes nothing. */
export class IdTakenError extends PermanentError {
  constructor() {
    super({ code: 'IdTaken', message: 'id: belongs to a job with other data', field: 'id' });
  }
}

/** The call may have taken effect: a time-out or a reset after sending. The worker asks the vendor before a repeat. */
export class AmbiguousError extends JobError {
  override readonly name = 'AmbiguousError';
  readonly class = 'ambiguous';
}

/** The table, the bucket or a queue failed to serve us, or our own configuration does not parse. */
export class StoreError extends JobError {
  override readonly name = 'StoreError';
  readonly class = 'store';
}

/** For `catch`, after a write that the next run or the next caller makes up for. Rethrows any other error. */
export function ignoreStoreError(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}

/** The code of a mail that may have been sent. */
export const STEP_UNKNOWN = 'StepUnknown';
/** The code of a mail, or of a job, that a later command replaced. */
export const SUPERSEDED = 'Superseded';

const VERDICTS = {
  /** An operator paused what the job belongs to. The job comes back when the operator resumes it. */
  paused: { class: 'wait', code: 'Paused', message: 'the job is paused' },
  cancelled: { class: 'permanent', code: 'Cancelled', message: 'the job is cancelled' },
  /** A later command replaced the job (lib/queues/testflight/commands.ts). `by`: the id of that command's job. */
  superseded: { class: 'permanent', code: SUPERSEDED, message: 'a later command replaced the job' },
  /** This counts no attempt, because the job's next run has time again. */
  outOfTime: { class: 'wait', code: 'OutOfTime', message: 'too little time is left for this run' },
  /** The step may have taken effect. It is never repeated. Evidence or an operator resolves it. */
  unknown: { class: 'ambiguous', code: STEP_UNKNOWN, message: 'it is not known whether a step took effect' },
} as const satisfies Record<string, ErrorDetails & { class: ErrorClass }>;

/** What a run has found out about its job, in place of a result. decide.ts says what follows. */
export class VerdictError extends JobError {
  override readonly name = 'VerdictError';
  readonly class: ErrorClass;
  readonly by: string | undefined;

  constructor(
    readonly verdict: keyof typeof VERDICTS,
    { by, ...given }: { by?: string; message?: string; cause?: unknown } = {},
  ) {
    const { class: of, ...details } = VERDICTS[verdict];
    super({ ...details, ...given });
    this.class = of;
    this.by = by;
  }
}

/** An error that no code expected, so none translated it: a fault of our code or of a library. */
export const isBug = (error: unknown): boolean => error !== undefined && !(error instanceof JobError);

export const codeOf = (error: unknown): string => (error instanceof JobError ? error.code : 'Unexpected');
