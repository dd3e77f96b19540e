import { randomBytes } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { consoleApp } from './app';
import type { ConsoleDeps } from './deps';

/** Only this machine may connect. */
const HOST = '127.0.0.1';

/** A running console. */
export interface Served {
  /** The address for a browser, with the token. A browser does not send the part behind `#`. */
  url: string;
  close(): Promise<void>;
}

/** The console for a server that has other paths too. */
export const consoleListener = (deps: ConsoleDeps): http.RequestListener => getRequestListener(consoleApp(deps).fetch);

/** Whether a path belongs to the console. */
export const isConsolePath = (url = '/'): boolean => /^\/(\?.*)?$|^\/console([/?]|$)/.test(url);

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
