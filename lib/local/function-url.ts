import type http from 'node:http';
import type { InvokeResult } from './lambda/environment';

/** More than any function behind a URL takes: Lambda's own limit for a request. */
const MOST_BYTES = 6 * 1024 * 1024;

/** The whole request as a function URL hands it on (payload 2.0): the body raw, in base64. */
export async function functionUrlEvent(request: http.IncomingMessage): Promise<object> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes <= MOST_BYTES) chunks.push(chunk as Buffer);
  }
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return {
    version: '2.0',
    rawPath: '/',
    headers,
    requestContext: { http: { method: request.method, path: '/' } },
    body: Buffer.concat(chunks).toString('base64'),
    isBase64Encoded: true,
  };
}

/** What the caller sees of an invocation: the function's own status, 429 where none may start, 502 where it died. */
export function functionUrlStatus(result: InvokeResult): number {
  if (result.kind === 'throttled') return 429;
  if (result.kind === 'failed') return 502;
  const { statusCode } = (result.value ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 502;
}
