import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { close, listen } from '../../../lib/local/loopback';

let server: http.Server;
let port: number;
beforeAll(async () => {
  server = http.createServer();
  await listen(server, 0);
  server.on('request', (_request, response: http.ServerResponse) => response.end('secret'));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => close(server));

const ask = (headers: Record<string, string>): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.on('error', reject);
  });

test.each<[string, () => Record<string, string>, number]>([
  ['a program of this machine', () => ({}), 200],
  ['a page of this machine', () => ({ host: `localhost:${port}`, origin: `http://localhost:${port}` }), 200],
  ['a name that an attacker chose', () => ({ host: `evil.example:${port}` }), 403],
  ['a page of another site', () => ({ origin: 'https://evil.example' }), 403],
  ['a page without an origin, such as a sandboxed frame', () => ({ origin: 'null' }), 403],
])('every local server answers %s as it should', async (_who, headers, status) => {
  expect(await ask(headers())).toBe(status);
});
