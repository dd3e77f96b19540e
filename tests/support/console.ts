import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { ConsoleDeps } from '../../packages/console/deps';
import { serveConsole } from '../../packages/console/serve';
import { memoryDeployment } from './deployment';
import type { Engine } from './engine';
import { aTarget } from './operator';

export type TestedConsole = Awaited<ReturnType<typeof testedConsole>>;

/** A console over an engine in memory, on a free port. */
export async function testedConsole(engine: Pick<Engine, 'deps'>, options: Partial<ConsoleDeps> = {}) {
  const { deployment } = memoryDeployment(engine);
  const served = await serveConsole({ deployment, target: aTarget, write: false, ...options }, 0);
  const { host, hash } = new URL(served.url);
  const token = hash.slice('#token='.length);
  /** What the page sends with each call. `post` adds the headers of a browser's POST. */
  const headers: Record<string, string> = { host, 'x-console': '1', authorization: `Bearer ${token}` };
  const posted = { ...headers, origin: `http://${host}`, 'content-type': 'application/json' };
  /** Sends exactly these headers, as no browser would let a script do. */
  const raw = async (path: string, { body = '', ...asked }: http.RequestOptions & { body?: string } = {}) => {
    const request = http.request(`http://${host}${path}`, asked).end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
  };
  return {
    ...{ ...served, host, token, headers, raw },
    get: async <T>(path: string): Promise<T> => JSON.parse((await raw(`/console/api/${path}`, { headers })).body),
    async post(path: string, data: unknown) {
      const asked = { method: 'POST', headers: posted, body: JSON.stringify(data) };
      const { status, body } = await raw(`/console/api/${path}`, asked);
      return { status, json: JSON.parse(body) as Record<string, unknown> };
    },
  };
}
