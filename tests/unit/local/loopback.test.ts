import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { scheduleMs } from '../../../packages/local/functions';
import { checkPort, close, listen, portFrom, portsFrom } from '../../../packages/local/loopback';

test.each([
  [undefined, 3000],
  ['', 3000],
  ['0', 0],
  ['8080', 8080],
])('PORT=%s', (text, port) => {
  expect(portFrom(text)).toBe(port);
});

test.each(['http', '-1', '65536', '65530', '80.5'])('PORT=%s is refused', (text) => {
  expect(() => portFrom(text)).toThrow('PORT must be a number');
});

test.each([
  ['rate(1 minute)', 2_000],
  ['rate(5 minutes)', 10_000],
  ['cron(17 3 * * ? *)', 2_880_000],
])('%s takes %i ms on this machine', (expression, ms) => {
  expect(scheduleMs(expression)).toBe(ms);
});

test('the API, the emulators and the fakes have the ports from PORT on', () => {
  expect(Object.values(portsFrom(3000))).toEqual([3000, 3001, 3002, 3003, 3004, 3005, 3006, 3007]);
  expect(portsFrom(3000).api).toBe(3000);
  expect(new Set(Object.values(portsFrom(0)))).toEqual(new Set([0]));
});

describe('a server', () => {
  let server: http.Server;
  let port: number;
  beforeAll(async () => {
    server = http.createServer();
    await listen(server, 0);
    server.on('request', (_request, response: http.ServerResponse) => response.end('secret'));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => close(server));

  test.each<[string, () => Record<string, string>, number]>([
    ['a program of this machine', () => ({}), 200],
    ['a page of this machine', () => ({ host: `localhost:${port}`, origin: `http://localhost:${port}` }), 200],
    ['a name that an attacker chose', () => ({ host: `evil.example:${port}` }), 403],
    ['a page of another site', () => ({ origin: 'https://evil.example' }), 403],
    ['a page without an origin, such as a sandboxed frame', () => ({ origin: 'null' }), 403],
  ])('answers %s as it should', async (_who, headers, status) => {
    const answered = await new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, headers: headers() }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
    });

    expect(answered).toBe(status);
  });

  test('has a port that no other may use, and the error says what to do', async () => {
    await expect(checkPort(port)).rejects.toThrow(
      `Port ${port} is in use. Stop the process that uses it. Choose other ports: PORT=${port + 100} npm start`,
    );
    await expect(checkPort(0)).resolves.toBeUndefined();
  });
});
