import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { ConsoleDeps } from '../../packages/console/deps';
import { type Served, serveConsole } from '../../packages/console/serve';
import { memoryDeployment } from './deployment';
import type { memoryEngine } from './engine';
import { aTarget } from './operator';

interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface TestedConsole extends Served {
  /** `127.0.0.1` with the port. */
  host: string;
  token: string;
  /** What the page sends with each call. `post` adds the headers of a browser's POST. */
  headers: Record<string, string>;
  /** Sends exactly these headers, as no browser would let a script do. */
  raw(path: string, options?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<Answer>;
  get<T>(path: string): Promise<T>;
  post(path: string, body: unknown): Promise<{ status: number; json: Record<string, unknown> }>;
}

/** A console over an engine in memory, on a free port. */
export async function testedConsole(
  engine: Pick<ReturnType<typeof memoryEngine>, 'deps'>,
  options: Partial<ConsoleDeps> = {},
): Promise<TestedConsole> {
  const { deployment } = memoryDeployment(engine);
  const served = await serveConsole({ deployment, target: aTarget, write: false, ...options }, 0);
  const { host, hash } = new URL(served.url);
  const token = hash.slice('#token='.length);
  const headers = { host, 'x-console': '1', authorization: `Bearer ${token}` };
  const raw: TestedConsole['raw'] = (path, { method = 'GET', headers: sent = {}, body = '' } = {}) =>
    new Promise((resolve, reject) => {
      const request = http.request(`http://${host}${path}`, { method, headers: sent }, async (response) =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }),
      );
      request.on('error', reject).end(body);
    });
  return {
    ...served,
    host,
    token,
    headers,
    raw,
    get: async (path) => JSON.parse((await raw(`/console/api/${path}`, { headers })).body),
    post: async (path, body) => {
      const { status, body: answer } = await raw(`/console/api/${path}`, {
        method: 'POST',
        headers: { ...headers, origin: `http://${host}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status, json: JSON.parse(answer) as Record<string, unknown> };
    },
  };
}
