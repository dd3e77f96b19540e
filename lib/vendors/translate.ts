import { AmbiguousError, JobError, PermanentError, StopError, TransientError, type Vendor, WaitError } from '../errors';
import type { Secret } from '../ports';
import { type HttpAnswer, isOk, NoAnswer, UnexpectedAnswer } from './http';

/** How to read one vendor's failures. */
export interface Dialect {
  vendor?: Vendor;
  /** The prefix of its error codes, e.g. `Zendesk` for `ZendeskTimeout`. */
  prefix: string;
  /** 5xx that certainly had no effect. */
  refused?: ReadonlySet<number>;
  /** 4xx that may have had an effect. */
  doubtful?: ReadonlySet<number>;
  /** 4xx besides 401 that are about our account or configuration and never about one job. */
  aboutUs?: ReadonlySet<number>;
  /** The status that refuses our secret. Default: 401. */
  secretRefused?: number;
  /** The name of the field that an answer refuses, never its value. */
  field?: (body: unknown) => string | undefined;
  /** Our error for an answer that says more than its status. It never quotes the vendor, whose text may repeat ours. */
  refined?: (error: JobError, answer: HttpAnswer, effect: Effect) => JobError | undefined;
  /** Our error if the vendor's library fails before a request. Default: the library could not read the answer. */
  unsent?: () => JobError;
}

/** A call with effect `once` must not take effect twice. A `repeatable` one may: a read, or a harmless write. */
export type Effect = 'once' | 'repeatable';

export interface CallOptions {
  /** For the whole call, including a second try with a fresh secret. */
  timeoutMs: number;
}

/** One try of a call, with the time that is left for it. */
export interface Attempt extends CallOptions {
  secret: string;
}

/**
 * Makes the calls to one vendor. Rejects with a JobError and nothing else. If the vendor refuses the secret, it calls
 * again with a fresh one, so a replaced key works without a deployment. Any call may be repeated then, because such an
 * answer has no effect.
 */
export function vendorCalls({ dialect, secret, now }: { dialect: Dialect; secret: Secret; now: () => number }) {
  return async <T>(effect: Effect, timeoutMs: number, call: (attempt: Attempt) => Promise<T>): Promise<T> => {
    const end = performance.now() + timeoutMs;
    const attempt = async (fresh?: { fresh: true }) => {
      const key = await secret(fresh);
      const leftMs = Math.max(1, Math.ceil(end - performance.now()));
      return call({ secret: key, timeoutMs: leftMs }).catch((error: unknown) => {
        throw translate(error, { dialect, effect, now: now() });
      });
    };
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof StopError && error.status === (dialect.secretRefused ?? 401))
        return attempt({ fresh: true });
      throw error;
    }
  };
}

interface Call {
  dialect: Dialect;
  effect: Effect;
}

/** Our error for a failed call. `now`: ms since 1970. */
export function translate(error: unknown, { dialect, effect, now }: Call & { now: number }): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return unanswered({ dialect, error, effect });
  if (!(error instanceof UnexpectedAnswer)) return dialect.unsent?.() ?? malformed({ dialect, effect });
  if (isOk(error.answer)) return malformed({ dialect, effect, status: error.answer.status });
  const refused = refusal({ dialect, answer: error.answer, effect, now });
  return dialect.refined?.(refused, error.answer, effect) ?? refused;
}

function unanswered({ dialect, error, effect }: Call & { error: NoAnswer }): JobError {
  const { vendor, prefix } = dialect;
  // Headers and addresses hold only our own values, and values of a job that are escaped or plain.
  if (error.reason === 'unsendable') {
    const message = 'the request has an invalid header or address';
    return new StopError({ vendor, message, code: `${prefix}Misconfigured`, cause: error });
  }
  const suffix = { timeout: 'Timeout', unreachable: 'Unavailable', interrupted: 'Interrupted' }[error.reason];
  const message = `${error.sent ? 'the vendor did not answer' : 'the vendor could not be reached'} (${error.reason})`;
  const Class = error.sent && effect === 'once' ? AmbiguousError : TransientError;
  return new Class({ code: prefix + suffix, message, vendor, cause: error });
}

function refusal({ dialect, answer, effect, now }: Call & { answer: HttpAnswer; now: number }): JobError {
  const { vendor, prefix } = dialect;
  const { status, headers } = answer;
  const field = dialect.field?.(answer.body);
  const details = (code: string, message: string) => ({ vendor, status, code, message });

  if (status === 429 || (status === 503 && headers['retry-after'] !== undefined))
    return new WaitError({
      ...details(`${prefix}Throttled`, `the vendor asks us to wait (${status})`),
      waitMs: retryAfterMs(headers, now),
    });
  if (status === 401) return new StopError(details(`${prefix}Unauthorized`, 'the vendor refuses our credentials'));
  // A 403 that names a field is about the request, e.g. a sender that the vendor does not know.
  if (status === 403 && field === undefined)
    return new PermanentError(details('Forbidden', 'the vendor forbids this request'));
  if (status < 400 || dialect.aboutUs?.has(status))
    return new StopError(
      details(`${prefix}Misconfigured`, `the endpoint or the account does not match our configuration (${status})`),
    );
  if (status >= 500 || dialect.doubtful?.has(status)) {
    const inDoubt = effect === 'once' && !dialect.refused?.has(status);
    const Class = inDoubt ? AmbiguousError : TransientError;
    const when = inDoubt ? ', perhaps after it took the request' : '';
    return new Class(details(`${prefix}Unavailable`, `the vendor failed${when} (${status})`));
  }
  return new PermanentError({ ...details(`${prefix}Rejected`, `the vendor rejects the request (${status})`), field });
}

/** Our error for a success without the expected content, e.g. a page of a proxy. */
function malformed({ dialect, effect, status }: Call & { status?: number }): JobError {
  const Class = effect === 'once' ? AmbiguousError : TransientError;
  const message = 'the vendor reported success without the expected content';
  return new Class({ code: `${dialect.prefix}Malformed`, message, vendor: dialect.vendor, status });
}

/** A vendor's name of a field, if it looks like a name. Logs and rows may hold a name, but no address or sentence. */
export const fieldName = (name: unknown): string | undefined =>
  typeof name === 'string' && /^[a-z][a-z0-9_.]{0,79}$/i.test(name) ? name : undefined;

/** If the vendor does not say: Zendesk counts its limits per minute, and SendGrid does not publish its window. */
const DEFAULT_MS = 60_000;
const MIN_MS = 1000;
/** A wrong clock or a header in another unit must not delay a job for days. */
const MAX_MS = 3_600_000;

/**
 * How long a vendor asks us to wait, in milliseconds. Reads `Retry-After` (seconds or an HTTP date), else
 * `X-RateLimit-Reset` (seconds since 1970), else assumes a minute. The result is between a second and an hour.
 */
export function retryAfterMs(headers: HttpAnswer['headers'], now: number): number {
  const { 'retry-after': after = '', 'x-ratelimit-reset': reset } = headers;
  const waits = [
    /^\s*\d+(\.\d+)?\s*$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now,
    typeof reset === 'string' && /^\s*\d+\s*$/.test(reset) ? Number(reset) * 1000 - now : Number.NaN,
  ];
  const askedMs = waits.find((waitMs) => !Number.isNaN(waitMs)) ?? DEFAULT_MS;
  return Math.min(MAX_MS, Math.max(MIN_MS, Math.ceil(askedMs)));
}
