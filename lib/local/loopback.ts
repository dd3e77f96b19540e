import type http from 'node:http';
import type { AddressInfo } from 'node:net';

/** An emulated AWS service on a loopback port. */
export interface Emulator {
  url: string;
  close(): Promise<void>;
}

/** The SDK signs every request, but no emulator checks the signature. */
export const LOCAL_CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

/** Only this machine may connect, because the emulators accept any credentials. */
const HOST = '127.0.0.1';

/** Starts a server on 127.0.0.1 and resolves to its URL. Port 0 takes any free port. */
export function listen(server: http.Server, port: number): Promise<string> {
  const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
  // In place of a listener, because servers get theirs before and after this.
  server.emit = (event: string, ...values: unknown[]) => {
    const [request, response] = values as [http.IncomingMessage, http.ServerResponse];
    if (event !== 'request' || isFromHere(request)) return emit(event, ...values);
    response.writeHead(403).end('This address answers only programs and pages of this machine.');
    return true;
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve(`http://${HOST}:${(server.address() as AddressInfo).port}`);
    });
  });
}

/**
 * A page on the internet must not reach these servers through its reader's browser. With DNS rebinding a browser names the
 * attacker's host, and with a request to another site it names the page's origin.
 */
function isFromHere({ headers: { host, origin } }: http.IncomingMessage): boolean {
  const own = [HOST, 'localhost'];
  const nameOf = (address: string) => (URL.canParse(address) ? new URL(address).hostname : '');
  return own.includes(nameOf(`http://${host}`)) && (origin === undefined || own.includes(nameOf(origin)));
}

/** Stops a server and cuts its open connections. */
export const close = (server: http.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
