import http from 'node:http';
import https from 'node:https';

export interface HttpRequest {
  method: string;
  url: string;
  headers: Record<string, string>;
  body?: string | Uint8Array;
  /** For the whole call, from looking up the host to the last byte. */
  timeoutMs: number;
}

export interface HttpAnswer {
  status: number;
  /** Names in lower case. */
  headers: http.IncomingHttpHeaders;
  /** Parsed JSON; `undefined` where the body broke off or is not JSON. */
  body: unknown;
}

export type Silence = 'unsendable' | 'unreachable' | 'timeout' | 'interrupted';

/**
 * There was no answer. Rebuilt from names and codes alone: the errors of Node and of HTTP libraries hold the request,
 * its Authorization header and its URL.
 */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly reason: Silence;
  /** Whether the request may have left. False is a proof: the connection was never ready to take it. */
  readonly sent: boolean;

  constructor({ reason, sent, code }: { reason: Silence; sent: boolean; code: string }) {
    super(`no answer: ${reason} (${code})`);
    this.reason = reason;
    this.sent = sent;
  }
}

/** Carries an answer outside 2xx through a vendor's library to our adapter, which never passes it on. */
export class NotOk extends Error {
  override readonly name = 'NotOk';
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
 * One call, whatever the status of its answer; rejects with NoAnswer and nothing else.
 *
 * node:http and not fetch, because fetch does not tell whether a request left before it failed, and for a vendor
 * without idempotency that decides between trying again and asking a person. Each call has a connection of its own: one
 * kept from before a function was frozen may be closed at the other end, and a request written into it is lost in doubt.
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
      // By itself Node says nothing of the length of a DELETE's body, and the other end then sees none.
      const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
      const call = (secure ? https : http).request(url, {
        ...{ method, agent: false, signal },
        headers: { ...headers, ...length },
      });
      // What is written before is kept back until then, and never leaves if the connection does not come about.
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

/** A body that breaks off takes nothing from the status, which says already what became of the request. */
async function read(response: http.IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let body: unknown;
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
    body = JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    body = undefined;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

function noAnswer(error: unknown, sent: boolean): NoAnswer {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const known = typeof code === 'string' && /^[A-Z0-9_]+$/.test(code) ? code : 'unknown';
  if (name === 'AbortError') return new NoAnswer({ reason: 'timeout', sent, code: 'ETIMEDOUT' });
  if (known === 'ERR_INVALID_URL' || known === 'ERR_INVALID_CHAR' || known === 'ERR_INVALID_PROTOCOL')
    return new NoAnswer({ reason: 'unsendable', sent: false, code: known });
  return new NoAnswer({ reason: sent ? 'interrupted' : 'unreachable', sent, code: known });
}
