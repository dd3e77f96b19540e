import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { checkPort, portFrom, portsFrom } from '../../../lib/local/listen-port';

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

test('the API, the emulators and the fakes have the ports from PORT on', () => {
  expect(portsFrom(3000)).toEqual({
    api: 3000,
    sqs: 3001,
    dynamodb: 3002,
    s3: 3003,
    zendesk: 3004,
    sendgrid: 3005,
    appStoreConnect: 3006,
    discord: 3007,
    eventbridge: 3008,
  });
  expect(new Set(Object.values(portsFrom(0)))).toEqual(new Set([0]));
});

test('a port in use is refused with advice', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const during = await checkPort(port).catch((error: Error) => error.message);
  await new Promise((resolve) => server.close(resolve));

  expect(during).toBe(
    `Port ${port} is in use. Stop the process that uses it. Choose other ports: PORT=${port + 100} npm start`,
  );
  await expect(checkPort(port)).resolves.toBeUndefined();
});
