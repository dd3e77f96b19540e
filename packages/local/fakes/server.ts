import http from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { jsonOf } from '../../../lib/platform/text';
import { close, listen } from '../loopback';

/** How a fake vendor fails, for requests that match all given conditions. If several match, the oldest applies. */
const after = z.enum(['reset', 'hang', 'cut', 'answer']);
const failureSchema = z.strictObject({
  method: z.string().optional().describe('only requests of this method'),
  path: z.string().optional().describe('only requests whose path or query contains this'),
  bodyContains: z.string().optional().describe('only requests whose body contains this'),
  times: z.literal('forever').or(z.int().min(1)).default(1).describe('how many requests fail, or "forever"'),

  delayMs: z.number().min(0).optional().describe('the delay before anything else happens'),
  before: z.enum(['reset', 'hang']).optional().describe('drops the connection or never answers, without an effect'),
  after: after.optional().describe('as before, but with the effect. cut: half an answer. answer: the status below'),
  status: z.int().min(200).max(599).optional().describe('the status. Without after, the request has no effect'),
  headers: z.record(z.string(), z.string()).optional().describe('headers of the answer'),
  body: z.unknown().optional().describe('the body of the answer: JSON, or text to send as it is'),
  down: z.literal(true).optional().describe('refuses all connections until it recovers. No other field matters then'),
});

/** What only the same process can order. */
export interface Failure extends z.input<typeof failureSchema> {
  matches?: () => boolean;
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

export function reply(status: number, json?: unknown, headers: Reply['headers'] = {}): Reply {
  return { status, headers, json };
}

export type FakeServer = Awaited<ReturnType<typeof startFake>>;

interface FakeOptions {
  port?: number | undefined;
  handle: (request: FakeRequest) => Reply | Promise<Reply>;
  state: () => Record<string, readonly object[]>;
  setLists?: (body: string) => Reply;
}

export async function startFake({ port = 0, handle, ...shown }: FakeOptions) {
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

  function take(request: FakeRequest, path: string): Failure | undefined {
    const met = failures.find((failure) => isMet(failure, request, path));
    if (met && met.times !== 'forever') met.times = (met.times ?? 1) - 1;
    failures = failures.filter(({ times }) => times !== 0);
    return met;
  }

  return {
    ...shown,
    url,
    requests,
    fail: (failure: Failure): void => {
      failures.push({ ...failure });
      if (failure.down) void close(server);
    },
    failures: (): readonly Failure[] => failures,
    /** Forgets all failures. Once this resolves, a vendor that was down is up again. */
    async recover(): Promise<void> {
      failures = [];
      if (!server.listening) await listen(server, Number(new URL(url).port));
    },
    close: () => close(server),
  };
}

const isMet = (failure: Failure, { method, body }: FakeRequest, path: string): boolean =>
  (failure.method ?? method) === method &&
  path.includes(failure.path ?? '') &&
  body.includes(failure.bodyContains ?? '') &&
  (failure.matches?.() ?? true);

const pageOf = (vendors: readonly string[]): string => `Fake vendors: ${vendors.join(', ')}

GET    /fakes/zendesk  what it has taken, and how it fails
POST   /fakes/zendesk  makes it fail: a failure as JSON
DELETE /fakes/zendesk  makes it work again, also after {"down":true}
POST   /fakes/sendgrid/lists  replaces lists of addresses, such as {"bounce":["user@example.com"]}

A failure, such as {"status":503,"times":3}:

${Object.entries(failureSchema.shape)
  .map(([name, { description }]) => `${name.padEnd(14)}${description}`)
  .join('\n')}
`;

/** The control of the fakes, on a port of its own: a fake that is down refuses connections. */
export const fakesControl = (fakes: Record<string, FakeServer>): http.RequestListener =>
  answering(async ({ method, url = '' }, body) => {
    const [, , name = '', what] = url.split('/');
    if (name === '') return reply(200, pageOf(Object.keys(fakes)), { 'content-type': 'text/plain' });
    const fake = Object.hasOwn(fakes, name) ? fakes[name] : undefined;
    if (!fake) return reply(404, { error: `There is no fake ${name}. GET /fakes lists them.` });
    if (method === 'GET') {
      const requests = fake.requests.map(({ method, path }) => ({ method, path }));
      return reply(200, { ...fake.state(), requests, failures: fake.failures() });
    }
    if (what === 'lists' && fake.setLists) return fake.setLists(body);
    if (method === 'DELETE') {
      await fake.recover();
      return reply(204);
    }
    const { success, data, error } = failureSchema.safeParse(jsonOf(body));
    if (!success) return reply(400, { error: `${z.prettifyError(error)} GET /fakes lists the fields.` });
    fake.fail(data);
    return reply(204);
  });

type Answer = (request: http.IncomingMessage, body: string) => Promise<Reply>;

export const answering =
  (answer: Answer): http.RequestListener =>
  (request, response) => {
    text(request)
      .then((body) => answer(request, body))
      .then((reply) => send(response, reply))
      .catch(() => response.destroy());
  };

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
