import type http from 'node:http';
import type { InvokeResult } from './lambda/environment';

/** Lambda's limit for the request of a function URL. */
const MAX_BYTES = 6 * 1024 * 1024;

/** The event that a function URL makes of a request (payload 2.0), with the raw body in base64. */
export async function functionUrlEvent(request: http.IncomingMessage): Promise<object> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes <= MAX_BYTES) chunks.push(chunk as Buffer);
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

/** The status that the caller gets: the function's own, 429 if it is throttled, 502 if it failed. */
export function functionUrlStatus(result: InvokeResult): number {
  if (result.kind === 'throttled') return 429;
  if (result.kind === 'failed') return 502;
  const { statusCode } = (result.value ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 502;
}
