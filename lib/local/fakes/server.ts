import http from 'node:http';
import * as z from 'zod';
import { close, listen } from '../loopback';
import { type FakeRequest, perform, type Reply, receive, send } from './exchange';
import { type Failure, failurePlan, failureSchema } from './failures';

export interface FakeServer {
  url: string;
  /** Serves `/_control/failures` and `/_control/state`, even while the vendor is down. */
  controlUrl: string;
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

  const server = (respond: (request: FakeRequest, response: http.ServerResponse) => Promise<void>) =>
    http.createServer((incoming, response) => {
      receive(incoming)
        .then((request) => respond(request, response))
        .catch(() => response.destroy());
    });

  const vendor = server(async (request, response) => {
    if (request.path.startsWith('/_control/')) return send(response, await command(request, controls));
    requests.push(request);
    await perform({ request, response, failures, handle });
  });
  const control = server(async (request, response) => send(response, await command(request, controls)));

  const [url, controlUrl] = await Promise.all([listen(vendor, port), listen(control, 0)]);

  const controls: Controls = {
    fail: (failure) => {
      if (!failure.down) return failures.add(failure);
      void close(vendor);
    },
    recover: async () => {
      failures.clear();
      if (!vendor.listening) await listen(vendor, Number(new URL(url).port));
    },
    state: () => ({
      ...state(),
      requests: requests.map(({ method, path }) => ({ method, path })),
      failures: failures.pending(),
    }),
  };

  return {
    url,
    controlUrl,
    requests,
    fail: controls.fail,
    recover: controls.recover,
    close: async () => {
      await Promise.all([close(vendor), close(control)]);
    },
  };
}

interface Controls {
  fail(failure: Failure): void;
  recover(): Promise<void>;
  state(): Record<string, unknown>;
}

/** Controls a fake from another process: `POST` and `DELETE /_control/failures`, `GET /_control/state`. */
async function command({ method, path, body }: FakeRequest, controls: Controls): Promise<Reply> {
  switch (`${method} ${path}`) {
    case 'GET /_control/state':
      return { status: 200, headers: {}, json: controls.state() };
    case 'DELETE /_control/failures':
      await controls.recover();
      return { status: 204, headers: {} };
    case 'POST /_control/failures': {
      const parsed = ordersSchema.safeParse(body);
      if (!parsed.success) return { status: 400, headers: {}, json: { error: z.prettifyError(parsed.error) } };
      for (const failure of parsed.data) controls.fail(failure);
      return { status: 204, headers: {} };
    }
    default:
      return { status: 404, headers: {} };
  }
}

/** One failure or a list of failures, as JSON. */
const ordersSchema = z
  .string()
  .transform((text, context) => {
    try {
      const json: unknown = JSON.parse(text);
      return Array.isArray(json) ? json : [json];
    } catch {
      context.addIssue({ code: 'custom', message: 'must be JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.array(failureSchema));
