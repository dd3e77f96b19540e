import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { StoreError } from '../errors';
import { OperatorError } from '../ops/operator';
import { withCommand } from '../target';
import { consoleApi } from './api';
import { HTML, page } from './bundle';
import type { ConsoleDeps } from './deps';
import { type Env, headers, ownHost, refuse } from './guard';

/** Only this machine may connect. */
const HOST = '127.0.0.1';

export interface Served {
  /** The address for a browser, with the token. A browser does not send the part behind `#`. */
  url: string;
  close(): Promise<void>;
}

/** Starts a console with a new random token. Port 0 takes any free port. Rejects if the port is taken. */
export async function serveConsole(deps: Omit<ConsoleDeps, 'token'>, port: number): Promise<Served> {
  const token = randomBytes(32).toString('base64url');
  const server = http.createServer(consoleListener({ ...deps, token }));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, resolve);
  });
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}/#token=${token}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The console for a server that has other paths too. */
export const consoleListener = (deps: ConsoleDeps): http.RequestListener => getRequestListener(consoleApp(deps).fetch);

/** Whether a path belongs to the console. */
export const isConsolePath = (url = '/'): boolean => /^\/(\?.*)?$|^\/console([/?]|$)/.test(url);

function consoleApp(deps: ConsoleDeps): Hono<Env> {
  const app = new Hono<Env>();
  app.use(headers(), ownHost);
  app.use(async ({ header }, next) => {
    header('cache-control', 'no-store');
    await next();
  });

  app.route('/console/api', consoleApi(deps));

  app.get('/console/assets/page.js', async ({ body }) =>
    body((await page()).script, 200, { 'content-type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/console/assets/page.css', async ({ body }) =>
    body((await page()).style, 200, { 'content-type': 'text/css; charset=utf-8' }),
  );
  for (const path of ['/', '/console', '/console/:page']) app.get(path, ({ html }) => html(HTML));

  app.notFound((context) => refuse(context, 404, 'There is no such path.'));
  app.onError((error, context) => {
    if (error instanceof OperatorError)
      return refuse(context, 409, withCommand(error.message, error.next, deps.target));
    if (error instanceof StoreError) return refuse(context, 502, error.message);
    // The text of an unknown error may hold personal data, so only its name is logged.
    deps.deployment.log.error('the console failed', { code: error.name });
    return refuse(context, 500, 'The console failed. This is a bug.');
  });
  return app;
}
