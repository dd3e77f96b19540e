import type http from 'node:http';
import type { Submission } from './submissions';

const MAX_BODY_BYTES = 1024 * 1024;

/** A request that the API refuses before any job is made. The message names a rule and never quotes the request. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Reads the JSON body and the headers of a request that submits a job. */
export async function readSubmission(request: http.IncomingMessage): Promise<Submission> {
  const body = await readJson(request);
  const one = (name: string): string | undefined => [request.headers[name]].flat()[0];
  const options = {
    key: one('idempotency-key'),
    // A real API passes the user that it has authenticated. Here all requests have the same principal.
    principal: 'local',
    correlationId: one('x-correlation-id'),
    traceparent: one('traceparent'),
  };
  return { body, options };
}

export async function readJson(request: http.IncomingMessage): Promise<unknown> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new RequestError(415, 'the content type must be application/json');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    // The rest of the body stays unread, so the connection cannot be reused.
    if (bytes > MAX_BODY_BYTES)
      throw new RequestError(413, `the body must be at most ${MAX_BODY_BYTES} bytes`, { connection: 'close' });
    chunks.push(chunk as Buffer);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw new RequestError(400, 'the body is not JSON');
  }
}

/** Splits the path into its first part and the rest, decoded. */
export function pathOf({ url = '/' }: http.IncomingMessage): { first: string; rest: string } {
  const [, first = '', ...rest] = new URL(url, 'http://127.0.0.1').pathname.split('/');
  try {
    return { first, rest: decodeURIComponent(rest.join('/')) };
  } catch {
    throw new RequestError(400, 'the path is not well-formed');
  }
}
