import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../../text';
import { close, listen } from '../loopback';
import { type Failure, type Failures, failurePlan, failureSchema } from './failures';

export interface FakeRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: http.IncomingHttpHeaders;
  /** The body as text. */
  body: string;
  bytes: Uint8Array;
}

/** The answer of a fake vendor. A text in place of JSON is sent as it is. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  json?: unknown;
}

export const reply = (status: number, json?: unknown, headers: Record<string, string> = {}): Reply => ({
  status,
  headers,
  ...(json !== undefined && { json }),
});

/** The vendor's server also has `POST` and `DELETE /_control/failures` and `GET /_control/state`, for other processes. */
export interface FakeServer {
  url: string;
  /** What the vendor has taken, as `/_control/state` shows it: lists by name. */
  state(): Record<string, readonly object[]>;
  /** All requests that arrived, in order, failed ones included. */
  requests: FakeRequest[];
  fail(failure: Failure): void;
  /** Forgets all failures. Once this resolves, a vendor that was down is up again. */
  recover(): Promise<void>;
  close(): Promise<void>;
}

type Handle = (request: FakeRequest) => Reply | Promise<Reply>;

/** Serves a fake vendor on 127.0.0.1. Tests and other processes can order failures, in code or over HTTP. */
export async function startFake({
  port = 0,
  handle,
  state,
}: Pick<FakeServer, 'state'> & { port?: number | undefined; handle: Handle }): Promise<FakeServer> {
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
    state,
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
  handle: Handle;
}): Promise<void> {
  const { method, path, query, body } = request;
  const search = new URLSearchParams(query).toString();
  const failure = failures.take({ method, path: search ? `${path}?${search}` : path, body });
  if (failure?.delayMs) await sleep(failure.delayMs, undefined, { ref: false });
  if (failure?.before === 'hang') return;
  if (failure?.before === 'reset') return void response.destroy();

  const ordered = failure?.status === undefined ? undefined : reply(failure.status, failure.body, failure.headers);
  if (ordered && failure?.after === undefined) return send(response, ordered);

  const own = await handle(request);
  if (failure?.after === 'hang') return;
  if (failure?.after === 'reset') return void response.destroy();
  // Without a status of the failure: the vendor's own answer, with the headers that the failure adds.
  const answer = ordered ?? { ...own, headers: { ...own.headers, ...failure?.headers } };
  send(response, answer, failure?.after === 'cut');
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

/** `cut`: sends half of the body, then drops the connection. */
function send(response: http.ServerResponse, { status, headers, json = '' }: Reply, cut = false): void {
  const [type, body] =
    typeof json === 'string' ? ['text/html', json] : ['application/json; charset=utf-8', JSON.stringify(json)];
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body) + (cut ? 1 : 0),
    ...headers,
  });
  if (cut) response.write(body.slice(0, body.length / 2), () => response.destroy());
  else response.end(body);
}
