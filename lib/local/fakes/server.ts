import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { close, listen } from '../loopback';
import { type Failure, type Failures, failurePlan, failureSchema } from './failures';
import { jsonOf, type Reply, reply } from './reply';

export interface FakeRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: http.IncomingHttpHeaders;
  /** The body as text. */
  body: string;
  bytes: Uint8Array;
}

/** The vendor's server also has `POST` and `DELETE /_control/failures` and `GET /_control/state`, for other processes. */
export interface FakeServer {
  url: string;
  /** All requests that arrived, in order, failed ones included. */
  requests: FakeRequest[];
  fail(failure: Failure): void;
  /** Forgets all failures. Once this resolves, a vendor that was down is up again. */
  recover(): Promise<void>;
  close(): Promise<void>;
}

interface Vendor {
  port?: number | undefined;
  handle(request: FakeRequest): Reply;
  /** Answers `GET /_control/state`. */
  state(): Record<string, unknown>;
}

/** Serves a fake vendor on 127.0.0.1. Tests and other processes can order failures, in code or over HTTP. */
export async function startFake({ port = 0, handle, state }: Vendor): Promise<FakeServer> {
  const requests: FakeRequest[] = [];
  const failures = failurePlan();
  const server = http.createServer((incoming, response) => {
    receive(incoming)
      .then(async (request) => {
        if (request.path.startsWith('/_control/')) return send(response, await control(request));
        requests.push(request);
        await perform({ request, response, failures, handle });
      })
      .catch(() => response.destroy());
  });
  const url = await listen(server, port);

  async function recover(): Promise<void> {
    failures.clear();
    if (!server.listening) await listen(server, Number(new URL(url).port));
  }

  async function control({ method, path, body }: FakeRequest): Promise<Reply> {
    switch (`${method} ${path}`) {
      case 'GET /_control/state': {
        const taken = requests.map((request) => ({ method: request.method, path: request.path }));
        return reply(200, { ...state(), requests: taken, failures: failures.pending() });
      }
      case 'DELETE /_control/failures':
        await recover();
        return reply(204);
      case 'POST /_control/failures': {
        const parsed = z.array(failureSchema).safeParse([jsonOf(body)].flat());
        if (!parsed.success) return reply(400, { error: z.prettifyError(parsed.error) });
        for (const failure of parsed.data) failures.add(failure);
        return reply(204);
      }
      default:
        return reply(404);
    }
  }

  return {
    url,
    requests,
    fail: (failure) => {
      if (!failure.down) return failures.add(failure);
      void close(server);
    },
    recover,
    close: () => close(server),
  };
}

/** Handles one request: by the vendor's model, or by the failure that was ordered for it. */
async function perform({
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

  const own = handle(request);
  if (failure?.after === 'hang') return;
  if (failure?.after === 'reset') return void response.destroy();
  if (failure?.after === 'cut') return cutShort(response, own);
  if (ordered) return sendOrdered(response, ordered);
  // The vendor's own answer, with the headers that the failure adds.
  send(response, { ...own, headers: { ...own.headers, ...failure?.headers } });
}

/** Reads the whole request. Rejects if the connection breaks. */
async function receive(incoming: http.IncomingMessage): Promise<FakeRequest> {
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

function send(response: http.ServerResponse, { status, headers, json }: Reply): void {
  const type = json === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' };
  response.writeHead(status, { ...type, ...headers });
  response.end(json === undefined ? '' : JSON.stringify(json));
}

function sendOrdered(response: http.ServerResponse, { failure, status }: { failure: Failure; status: number }): void {
  const text = typeof failure.body === 'string';
  response.writeHead(status, { 'content-type': text ? 'text/html' : 'application/json', ...failure.headers });
  response.end(text ? failure.body : failure.body === undefined ? '' : JSON.stringify(failure.body));
}

/** Sends the status, the headers and half of the body, then drops the connection. */
function cutShort(response: http.ServerResponse, { status, headers, json }: Reply): void {
  const body = json === undefined ? '' : JSON.stringify(json);
  const length = { 'content-type': 'application/json', 'content-length': String(body.length + 1) };
  response.writeHead(status, { ...headers, ...length });
  response.write(body.slice(0, body.length / 2), () => response.destroy());
}
