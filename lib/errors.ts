/**
 * What an error means for a job. The class alone decides what the engine does (lib/worker); codes and fields explain.
 *
 * | class     | an attempt | the engine                                                                |
 * |-----------|------------|---------------------------------------------------------------------------|
 * | transient | yes        | quick retries, then the message comes back after a wait, parked at the third |
 * | wait      | no         | waits inside the function if that fits, else holds the job                |
 * | stop      | no         | holds the job and opens the vendor's circuit                               |
 * | permanent | yes        | parks the job at once                                                     |
 * | ambiguous | yes        | as transient, but the step stays `started`: the vendor is asked first     |
 * | store     | no         | nothing could be written: the message is reported, SQS keeps it           |
 *
 * An error that is none of these is transient, and its step stays `started`.
 */
export type ErrorClass = 'transient' | 'wait' | 'stop' | 'permanent' | 'ambiguous' | 'store';

/** The outside services that can refuse us, as their circuits in the jobs table are named. */
export type Vendor = 'zendesk' | 'sendgrid' | 'app-store-connect';

/**
 * What may be said about an error in logs, rows, records and DLQ attributes. `message` and `field` name rules and
 * kinds, never values: a value may be personal data, a vendor's text may repeat it.
 */
export interface ErrorDetails {
  /** Stable and machine-readable, e.g. `InvalidField`, `ZendeskRejected`. */
  code: string;
  message: string;
  vendor?: Vendor;
  /** The vendor's HTTP status. */
  status?: number;
  /** Path of the offending field, e.g. `data.user.email`. */
  field?: string;
  cause?: unknown;
}

/** Base of the errors that the engine understands. `cause` is for a debugger; it is never logged or stored. */
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

/** Worth another try, and the vendor certainly did nothing: 5xx that was refused, connection refused. */
export class TransientError extends JobError {
  override readonly name = 'TransientError';
  readonly class = 'transient';
}

/** Not now: 429, no rate slot, a budget used up. `waitMs` is from now. */
export class WaitError extends JobError {
  override readonly name = 'WaitError';
  readonly class = 'wait';
  readonly waitMs: number;

  constructor({ waitMs, ...details }: ErrorDetails & { waitMs: number }) {
    super(details);
    this.waitMs = waitMs;
  }
}

/** The vendor refuses us, not the job: 401, a missing agreement. A person must mend it. */
export class StopError extends JobError {
  override readonly name = 'StopError';
  readonly class = 'stop';
}

/** This job cannot succeed: invalid body, a 4xx about it. Parked with its reason, never retried by itself. */
export class PermanentError extends JobError {
  override readonly name = 'PermanentError';
  readonly class = 'permanent';
}

/** Another job with other data has this id and has had its effect: this one was told from it, and changes nothing. */
export class IdTakenError extends PermanentError {
  constructor() {
    super({ code: 'IdTaken', message: 'id: belongs to a job with other data', field: 'id' });
  }
}

/**
 * The call may have taken effect: time-out or reset after sending. Never repeated before the vendor was asked, and not
 * asked within `askAfterMs` from now: until then the answer may not show it yet.
 */
export class AmbiguousError extends JobError {
  override readonly name = 'AmbiguousError';
  readonly class = 'ambiguous';
  readonly askAfterMs: number;

  constructor({ askAfterMs = 0, ...details }: ErrorDetails & { askAfterMs?: number }) {
    super(details);
    this.askAfterMs = askAfterMs;
  }
}

/** The table, the bucket or a queue did not take our write or read, or our own configuration does not parse. */
export class StoreError extends JobError {
  override readonly name = 'StoreError';
  readonly class = 'store';
}
