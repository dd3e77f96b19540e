import http from 'node:http';
import https from 'node:https';
import {
  AmbiguousError,
  FilteredError,
  JobError,
  PermanentError,
  StopError,
  TransientError,
  type Vendor,
  WaitError,
} from './errors';
import type { Secret } from './ports';

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Uint8Array | undefined;
  /** For the whole call, from the DNS lookup to the last byte. */
  timeoutMs: number;
}

export interface HttpAnswer {
  status: number;
  /** The names are in lower case. */
  headers: http.IncomingHttpHeaders;
  /** Parsed JSON. `undefined` if the body broke off or is not JSON. */
  body: unknown;
}

/** Holds only names and codes: errors of Node and of HTTP libraries hold the URL and the Authorization header. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';

  constructor(
    readonly reason: 'unsendable' | 'unreachable' | 'timeout' | 'interrupted',
    /** Whether the request may have left. False proves that it did not: the connection was never ready. */
    readonly sent: boolean,
    code: string,
  ) {
    super(`no answer: ${reason} (${code})`);
  }
}

/**
 * A status outside 2xx, or a success without the expected content. It passes through a vendor's library to `translate`,
 * and no further. The answer is behind a function, so no logger prints it.
 */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly answer: () => HttpAnswer;

  constructor(answer: HttpAnswer) {
    super(`status ${answer.status}`);
    this.answer = () => answer;
  }
}

/**
 * Makes one call and resolves with any status. Rejects with NoAnswer and nothing else. Fetch would not say whether a
 * request left before it failed, which decides whether the worker may try again. Each call opens its own connection: a
 * request into one from before Lambda froze the function may or may not arrive.
 */
export function request({ method, url, headers, body, timeoutMs }: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    let sent = false;
    let answered = false;
    const fail = (error: unknown) => {
      if (!answered) reject(noAnswer(error, sent));
    };
    try {
      const secure = new URL(url).protocol === 'https:';
      const signal = AbortSignal.timeout(timeoutMs);
      // Node sends no length for the body of a DELETE, and the vendor would see no body.
      const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
      const call = (secure ? https : http).request(url, {
        method,
        agent: false,
        signal,
        headers: { ...headers, ...length },
      });
      // Node buffers the request until then. Without a connection it never leaves.
      call.once('socket', (socket) => socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true)));
      call.once('response', (response) => {
        answered = true;
        void read(response).then(resolve);
      });
      call.on('error', fail);
      call.end(body);
    } catch (error) {
      fail(error);
    }
  });
}

/** Vendors answer with some hundred kilobytes at most. More could exhaust the memory of the function. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;

/** Ignores a body that breaks off or is too long, because the status alone already says what the request did. */
async function read(response: http.IncomingMessage): Promise<HttpAnswer> {
  const { statusCode: status = 0, headers } = response;
  const chunks: Buffer[] = [];
  try {
    let bytes = 0;
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > MOST_ANSWER_BYTES) throw new Error('too long');
      chunks.push(chunk as Buffer);
    }
    return { status, headers, body: JSON.parse(Buffer.concat(chunks).toString()) };
  } catch {
    return { status, headers, body: undefined };
  }
}

/** As `request`. Also rejects with an UnexpectedAnswer for a status outside 2xx. */
export async function requestOk(call: HttpRequest): Promise<HttpAnswer> {
  const answer = await request(call);
  if (!isOk(answer)) throw new UnexpectedAnswer(answer);
  return answer;
}

const isOk = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

export const basicAuthorization = (email: string, token: string): string =>
  `Basic ${Buffer.from(`${email}/token:${token}`).toString('base64')}`;

function noAnswer(error: unknown, sent: boolean): NoAnswer {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? code : 'unknown';
  if (name === 'AbortError') return new NoAnswer('timeout', sent, 'ETIMEDOUT');
  if (['ERR_INVALID_URL', 'ERR_INVALID_CHAR', 'ERR_INVALID_PROTOCOL'].includes(known))
    return new NoAnswer('unsendable', false, known);
  return new NoAnswer(sent ? 'interrupted' : 'unreachable', sent, known);
}

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

export interface Attempt extends CallOptions {
  secret: string;
}

/**
 * Makes the calls to one vendor. Rejects with a JobError and nothing else. If the vendor refuses the secret, which has no
 * effect, it calls again with a fresh one, so a replaced key works without a deployment.
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

/** `now`: ms since 1970. */
type Call = { dialect: Dialect; effect: Effect; now: number };

export function translate(error: unknown, call: Call): JobError {
  if (error instanceof JobError) return error;
  if (error instanceof NoAnswer) return unanswered(error, call);
  const { dialect, effect } = call;
  const { vendor, prefix } = dialect;
  const answer = error instanceof UnexpectedAnswer ? error.answer() : undefined;
  if (answer && !isOk(answer)) {
    const refused = refusal(answer, call);
    return dialect.refined?.(refused, answer, effect) ?? refused;
  }
  if (!answer && dialect.unsent) return dialect.unsent();
  // For example a page of a proxy.
  const Class = effect === 'once' ? AmbiguousError : TransientError;
  const message = 'the vendor reported success without the expected content';
  return new Class({ code: `${prefix}Malformed`, message, vendor, status: answer?.status });
}

function unanswered(error: NoAnswer, { dialect: { vendor, prefix }, effect }: Call): JobError {
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

function refusal({ status, headers, body }: HttpAnswer, { dialect, effect, now }: Call): JobError {
  const { vendor, prefix } = dialect;
  const field = dialect.field?.(body);
  const details = (code: string, message: string) => ({ vendor, status, code, message });

  if (status === 429 || (status === 503 && headers['retry-after'] !== undefined))
    return new WaitError({
      ...details(`${prefix}Throttled`, `the vendor asks us to wait (${status})`),
      waitMs: retryAfterMs(headers, now),
    });
  if (status === 401) return new StopError(details(`${prefix}Unauthorized`, 'the vendor refuses our credentials'));
  // A 403 that names a field is about the request, e.g. a sender that the vendor does not know.
  if (status === 403 && body === undefined)
    return new FilteredError(details('Forbidden', 'a firewall before the vendor forbids this request'));
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

/** A vendor's name of a field, if it looks like a name. Logs and rows may hold a name, but no address or sentence. */
export const fieldName = (name: unknown): string | undefined =>
  typeof name === 'string' && /^[a-z][a-z0-9_.]{0,79}$/i.test(name) ? name : undefined;

/** If the vendor does not say: Zendesk counts its limits per minute, and SendGrid does not publish its window. */
const DEFAULT_MS = 60_000;
const MIN_MS = 1000;
/** A wrong clock or a header in another unit must not delay a job for days. */
const MAX_MS = 3_600_000;

/** The wait in ms by `Retry-After` (seconds or an HTTP date), else by `X-RateLimit-Reset` (seconds since 1970). */
export function retryAfterMs(headers: HttpAnswer['headers'], now: number): number {
  const { 'retry-after': after = '', 'x-ratelimit-reset': reset } = headers;
  const waits = [
    /^\s*\d+(\.\d+)?\s*$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now,
    typeof reset === 'string' && /^\s*\d+\s*$/.test(reset) ? Number(reset) * 1000 - now : Number.NaN,
  ];
  const askedMs = waits.find((waitMs) => !Number.isNaN(waitMs)) ?? DEFAULT_MS;
  return Math.min(MAX_MS, Math.max(MIN_MS, Math.ceil(askedMs)));
}
