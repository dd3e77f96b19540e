import http from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../../../lib/text';
import { close, listen } from '../loopback';

/** How a fake vendor fails, for requests that match all given conditions. If several match, the oldest applies. */
const failureSchema = z.strictObject({
  method: z.string().optional(),
  /** Part of the path, query included. */
  path: z.string().optional(),
  bodyContains: z.string().optional(),
  /** The number of requests that fail. */
  times: z.union([z.number().int().min(1), z.literal('forever')]).default(1),

  /** The delay before anything else happens. */
  delayMs: z.number().min(0).optional(),
  /** Fails before the request takes effect: drop the connection, or never answer. */
  before: z.enum(['reset', 'hang']).optional(),
  /** Fails after the request took effect: drop the connection, never answer, cut the answer, or answer `status`. */
  after: z.enum(['reset', 'hang', 'cut', 'answer']).optional(),
  /** The status instead of the vendor's own. Without `after`, the request has no effect. */
  status: z.number().int().min(200).max(599).optional(),
  headers: z.record(z.string(), z.string()).optional(),
  /** JSON, or text to send as it is. */
  body: z.unknown().optional(),
});

/** What only the same process can order. */
export interface Failure extends z.input<typeof failureSchema> {
  /** Asked last. */
  matches?: () => boolean;
  /** Refuses all connections until the fake recovers. The other fields do not matter then. */
  down?: true;
}

export interface FakeRequest {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: http.IncomingHttpHeaders;
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

/** A vendor's server also has `POST` and `DELETE /_control/failures` and `GET /_control/state`, for other processes. */
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

/** Serves a fake vendor on 127.0.0.1. Tests and other processes can order failures, in code or over HTTP. */
export async function startFake({
  port = 0,
  handle,
  state,
  control: more = {},
}: Pick<FakeServer, 'state'> & {
  port?: number | undefined;
  /** What else other processes can order, by method and path. */
  control?: Record<string, (body: string) => Reply>;
  handle: (request: FakeRequest) => Reply | Promise<Reply>;
}): Promise<FakeServer> {
  const requests: FakeRequest[] = [];
  let failures: Failure[] = [];
  const server = http.createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });
  const url = await listen(server, port);

  async function serve(incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = 'GET', url: target = '/', headers } = incoming;
    const { pathname: path, searchParams } = new URL(target, 'http://localhost');
    const [query, bytes] = [Object.fromEntries(searchParams), await buffer(incoming)];
    const request = { method, path, query, headers, body: bytes.toString(), bytes };
    if (path.startsWith('/_control/')) return send(response, await control(request));
    requests.push(request);

    const failure = take(request, searchParams.size > 0 ? `${path}?${searchParams}` : path);
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

  /** The failure that was ordered for this request. It counts the request. */
  function take({ method, body }: FakeRequest, path: string): Failure | undefined {
    const met = failures.find(
      (failure) =>
        (failure.method ?? method) === method &&
        path.includes(failure.path ?? '') &&
        body.includes(failure.bodyContains ?? '') &&
        (failure.matches?.() ?? true),
    );
    if (met && met.times !== 'forever') met.times = (met.times ?? 1) - 1;
    failures = failures.filter(({ times }) => times !== 0);
    return met;
  }

  async function recover(): Promise<void> {
    failures = [];
    if (!server.listening) await listen(server, Number(new URL(url).port));
  }

  async function control({ method, path, body }: FakeRequest): Promise<Reply> {
    switch (`${method} ${path}`) {
      case 'GET /_control/state': {
        const taken = requests.map((request) => ({ method: request.method, path: request.path }));
        return reply(200, { ...state(), requests: taken, failures });
      }
      case 'DELETE /_control/failures':
        await recover();
        return reply(204);
      case 'POST /_control/failures': {
        const parsed = z.array(failureSchema).safeParse([jsonOf(body)].flat());
        if (!parsed.success) return reply(400, { error: z.prettifyError(parsed.error) });
        failures.push(...parsed.data);
        return reply(204);
      }
      default:
        return more[`${method} ${path}`]?.(body) ?? reply(404);
    }
  }

  return {
    url,
    state,
    requests,
    fail: (failure) => {
      if (failure.down) void close(server);
      else failures.push({ ...failure });
    },
    recover,
    close: () => close(server),
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
