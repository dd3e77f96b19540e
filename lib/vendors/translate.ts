import {
  AmbiguousError,
  type JobError,
  PermanentError,
  StopError,
  TransientError,
  type Vendor,
  WaitError,
} from '../errors';
import type { HttpAnswer, NoAnswer } from './http';
import { retryAfterMs } from './retry-after';

/** How one vendor's failures are to be read. */
export interface Dialect {
  vendor: Vendor;
  /** Begins the codes of its errors, e.g. `Zendesk` for `ZendeskTimeout`. */
  prefix: string;
  /** 5xx after which certainly nothing was done. */
  refused: ReadonlySet<number>;
  /** 4xx after which something may have been done. */
  doubtful: ReadonlySet<number>;
  /** 4xx that are about our account or configuration and never about one job, beside 401. */
  aboutUs: ReadonlySet<number>;
  /** Whose fault it is if the request cannot even be formed. */
  unsendable: 'us' | 'job';
  /** Names of the fields that an answer complains about; names only. */
  field: (body: unknown) => string | undefined;
}

/** `once`: taking effect twice would be wrong. `repeatable`: a read, or a write that may be repeated at will. */
export type Effect = 'once' | 'repeatable';

/** Our error for a call that got no answer. */
export function silence({ dialect, error, effect }: { dialect: Dialect; error: NoAnswer; effect: Effect }): JobError {
  const { vendor, prefix } = dialect;
  if (error.reason === 'unsendable') {
    const details = { vendor, message: 'the request has a header or an address that cannot be sent', cause: error };
    return dialect.unsendable === 'us'
      ? new StopError({ ...details, code: `${prefix}Misconfigured` })
      : new PermanentError({ ...details, code: `${prefix}Rejected` });
  }
  const suffix =
    error.reason === 'timeout' ? 'Timeout' : error.reason === 'unreachable' ? 'Unavailable' : 'Interrupted';
  const message = `${error.sent ? 'no answer came' : 'the vendor was not reached'} (${error.reason})`;
  const Class = error.sent && effect === 'once' ? AmbiguousError : TransientError;
  return new Class({ code: prefix + suffix, message, vendor, cause: error });
}

/** Our error for an answer outside 2xx. */
export function refusal({
  dialect,
  answer,
  effect,
  now,
}: {
  dialect: Dialect;
  answer: HttpAnswer;
  effect: Effect;
  now: number;
}): JobError {
  const { vendor, prefix } = dialect;
  const { status, headers } = answer;
  const details = { vendor, status };
  const once = effect === 'once';

  if (status === 429 || (status === 503 && headers['retry-after'] !== undefined))
    return new WaitError({
      ...details,
      code: `${prefix}Throttled`,
      message: `the vendor asks to wait (${status})`,
      waitMs: retryAfterMs(headers, now),
    });
  if (status === 401)
    return new StopError({ ...details, code: `${prefix}Unauthorized`, message: 'the vendor refuses our credentials' });
  const field = dialect.field(answer.body);
  // One that names a field is about the request, e.g. a sender that the vendor does not know.
  if (status === 403 && field === undefined)
    return new PermanentError({ ...details, code: 'Forbidden', message: 'the vendor forbids this request' });
  if (status < 400 || dialect.aboutUs.has(status))
    return new StopError({
      ...details,
      code: `${prefix}Misconfigured`,
      message: `the endpoint or the account is not as configured (${status})`,
    });
  if (status >= 500 || dialect.doubtful.has(status)) {
    const inDoubt = once && !dialect.refused.has(status);
    const Class = inDoubt ? AmbiguousError : TransientError;
    const message = `the vendor failed${inDoubt ? ', perhaps after taking the request' : ''} (${status})`;
    return new Class({ ...details, code: `${prefix}Unavailable`, message });
  }
  return new PermanentError({
    ...details,
    code: `${prefix}Rejected`,
    message: `the vendor rejects the request (${status})`,
    ...(field === undefined ? {} : { field }),
  });
}

/** Our error for a success that does not say what it must, e.g. a page of a proxy. */
export function malformed({
  dialect,
  effect,
  status,
}: {
  dialect: Dialect;
  effect: Effect;
  status?: number;
}): JobError {
  const Class = effect === 'once' ? AmbiguousError : TransientError;
  return new Class({
    code: `${dialect.prefix}Malformed`,
    message: 'the vendor answered success without saying what came of it',
    vendor: dialect.vendor,
    ...(status === undefined ? {} : { status }),
  });
}

/** A vendor's name for a field, if it is one: it may stand in logs and rows, an address or a sentence may not. */
export const fieldName = (name: unknown): string | undefined =>
  typeof name === 'string' && /^[a-z][a-z0-9_.]{0,79}$/i.test(name) ? name : undefined;
