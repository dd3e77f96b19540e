import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Passes requests to a server of AWS's on this machine, and records their operations, e.g. `SendMessage`, `PUT`. */
export async function startRecordingProxy(target: string, operations: string[]) {
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const action = String(incoming.headers['x-amz-target'] ?? incoming.method);
    operations.push(action.split('.').at(-1) ?? action);
    const { method, url: path, headers } = incoming;
    const forwarded = send({ hostname, port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
