import http from 'node:http';
import https from 'node:https';

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
  readonly reason: 'unsendable' | 'unreachable' | 'timeout' | 'interrupted';
  /** Whether the request may have left. False proves that it did not: the connection was never ready. */
  readonly sent: boolean;

  constructor({ reason, sent, code }: { reason: NoAnswer['reason']; sent: boolean; code: string }) {
    super(`no answer: ${reason} (${code})`);
    this.reason = reason;
    this.sent = sent;
  }
}

/**
 * An answer that does not answer the call: a status outside 2xx, or a success without the expected content. It passes
 * through a vendor's library to `translate`, and no further. The field is private, so no logger prints the answer.
 */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
  readonly #answer: HttpAnswer;

  constructor(answer: HttpAnswer) {
    super(`status ${answer.status}`);
    this.#answer = answer;
  }

  get answer(): HttpAnswer {
    return this.#answer;
  }
}

/**
 * Makes one call and resolves with any status. Rejects with NoAnswer and nothing else.
 *
 * It uses node:http because fetch does not say whether a request left before it failed. For a vendor without
 * idempotency that decides whether the worker may try again. Each call opens its own connection. A connection from
 * before Lambda froze the function may be closed at the other end, and a request into it may or may not arrive.
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
        ...{ method, agent: false, signal },
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

export const isOk = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

/** Zendesk's header for basic authentication with an API token. */
export const basicAuthorization = (email: string, token: string): string =>
  `Basic ${Buffer.from(`${email}/token:${token}`).toString('base64')}`;

function noAnswer(error: unknown, sent: boolean): NoAnswer {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? code : 'unknown';
  if (name === 'AbortError') return new NoAnswer({ reason: 'timeout', sent, code: 'ETIMEDOUT' });
  if (known === 'ERR_INVALID_URL' || known === 'ERR_INVALID_CHAR' || known === 'ERR_INVALID_PROTOCOL')
    return new NoAnswer({ reason: 'unsendable', sent: false, code: known });
  return new NoAnswer({ reason: sent ? 'interrupted' : 'unreachable', sent, code: known });
}
