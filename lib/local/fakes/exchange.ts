import type http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure, Failures } from './failures';

/** The answer of a fake vendor. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  json?: unknown;
}

export interface FakeRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: http.IncomingHttpHeaders;
  /** The body as text. */
  body: string;
  bytes: Uint8Array;
}

/** Handles one request: by the vendor's model, or by the failure that was ordered for it. */
export async function perform({
  request,
  response,
  failures,
  handle,
}: {
  request: FakeRequest;
  response: http.ServerResponse;
  failures: Failures;
  handle: (request: FakeRequest) => Reply;
}): Promise<void> {
  const { method, path, query, body } = request;
  const search = new URLSearchParams(query).toString();
  const failure = failures.take({ method, path: search ? `${path}?${search}` : path, body });
  if (failure?.delayMs) await sleep(failure.delayMs, undefined, { ref: false });
  if (failure?.before === 'hang') return;
  if (failure?.before === 'reset') return void response.destroy();

  const ordered = failure?.status === undefined ? undefined : { failure, status: failure.status };
  if (ordered && failure?.after === undefined) return sendOrdered(response, ordered);

  const reply = handle(request);
  if (failure?.after === 'hang') return;
  if (failure?.after === 'reset') return void response.destroy();
  if (failure?.after === 'cut') return cutShort(response, reply);
  if (ordered) return sendOrdered(response, ordered);
  // The vendor's own answer, with the headers that the failure adds.
  await send(response, { ...reply, headers: { ...reply.headers, ...failure?.headers } });
}

/** Reads the whole request. Rejects if the connection breaks. */
export async function receive(incoming: http.IncomingMessage): Promise<FakeRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: incoming.headers,
    body: bytes.toString(),
    bytes,
  };
}

export function send(response: http.ServerResponse, { status, headers, json }: Reply): void {
  const body = json === undefined ? '' : JSON.stringify(json);
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    ...headers,
  });
  response.end(body);
}

function sendOrdered(response: http.ServerResponse, { failure, status }: { failure: Failure; status: number }): void {
  const text = typeof failure.body === 'string';
  response.writeHead(status, { 'content-type': text ? 'text/html' : 'application/json', ...failure.headers });
  response.end(text ? failure.body : failure.body === undefined ? '' : JSON.stringify(failure.body));
}

/** Sends the status, the headers and half of the body, then drops the connection. */
function cutShort(response: http.ServerResponse, { status, headers, json }: Reply): void {
  const body = json === undefined ? '' : JSON.stringify(json);
  response.writeHead(status, {
    'content-type': 'application/json',
    ...headers,
    'content-length': String(body.length + 1),
  });
  response.write(body.slice(0, body.length / 2), () => response.destroy());
}
