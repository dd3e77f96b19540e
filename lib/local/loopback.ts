import type http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Only this machine may connect, because the emulators accept any credentials. */
const HOST = '127.0.0.1';

/** Starts a server on 127.0.0.1 and resolves to its URL. Port 0 takes any free port. */
export const listen = (server: http.Server, port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve(`http://${HOST}:${(server.address() as AddressInfo).port}`);
    });
  });

/** Stops a server and cuts its open connections. */
export const close = (server: http.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
