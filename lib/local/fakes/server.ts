import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Controls, command } from './control';
import { type FakeRequest, perform, type Reply, receive, send } from './exchange';
import { type Failure, failurePlan } from './failures';

export interface FakeServer {
  url: string;
  /** Where `/_control/failures` and `/_control/state` answer even while the vendor is down. */
  controlUrl: string;
  /** Everything that arrived, in order, whatever became of it. */
  requests: FakeRequest[];
  fail(failure: Failure): void;
  /** Forgets all failures; a vendor that was down is up again when this resolves. */
  recover(): Promise<void>;
  close(): Promise<void>;
}

interface Vendor {
  port?: number | undefined;
  handle(request: FakeRequest): Reply;
  /** For `GET /_control/state`. */
  state(): Record<string, unknown>;
}

const HOST = '127.0.0.1';

/** A vendor's HTTP face on this machine: 127.0.0.1 only, with failures to order, here or over HTTP. */
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

  await Promise.all([listen(vendor, port), listen(control, 0)]);
  const own = portOf(vendor);

  const controls: Controls = {
    fail: (failure) => {
      if (!failure.down) return failures.add(failure);
      vendor.close();
      vendor.closeAllConnections();
    },
    recover: async () => {
      failures.clear();
      if (!vendor.listening) await listen(vendor, own);
    },
    state: () => ({
      ...state(),
      requests: requests.map(({ method, path }) => ({ method, path })),
      failures: failures.pending(),
    }),
  };

  return {
    url: `http://${HOST}:${own}`,
    controlUrl: `http://${HOST}:${portOf(control)}`,
    requests,
    fail: controls.fail,
    recover: controls.recover,
    close: async () => {
      await Promise.all([stop(vendor), stop(control)]);
    },
  };
}

const portOf = (server: http.Server): number => (server.address() as AddressInfo).port;

const listen = (server: http.Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });

const stop = (server: http.Server): Promise<void> =>
  new Promise((resolve) => {
    if (!server.listening) return resolve();
    server.close(() => resolve());
    server.closeAllConnections();
  });
