import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { realSendgrid } from '../../../lib/mail/sendgrid';
import { NoAnswer, request } from '../../../lib/platform/http';
import { aMail, caught, PATIENT, secretOf, timedOut } from '../../support/vendors';

let server: net.Server;
const open = async (made: net.Server): Promise<number> => {
  server = made;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};
const sockets = new Set<net.Socket>();
const remember = (socket: net.Socket) => {
  sockets.add(socket);
  return socket.on('error', () => undefined);
};
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const send = (endpoint: string, timeoutMs: number) =>
  caught(realSendgrid({ endpoint, apiKey: secretOf('SG.key'), instance: 'acme' }).send(aMail(), { timeoutMs }));

const destroy = (socket: net.Socket) => remember(socket).destroy();

test.each([
  ['never ends', remember, 100, 'SendgridTimeout'],
  ['is reset', destroy, PATIENT.timeoutMs, 'SendgridUnavailable'],
] as const)('a mail was certainly not sent if the TLS handshake %s', async (_, onSocket, timeoutMs, code) => {
  const port = await open(net.createServer(onSocket));

  expect(await send(`https://127.0.0.1:${port}`, timeoutMs)).toMatchObject({ class: 'transient', code });
});

test('a mail was perhaps sent if the connection was open', async () => {
  let bytes = 0;
  const port = await open(net.createServer((socket) => remember(socket).on('data', ({ length }) => (bytes += length))));

  const error = await timedOut(
    (timeoutMs) => send(`http://127.0.0.1:${port}`, timeoutMs),
    () => bytes > 0,
  );

  expect(error).toMatchObject({ class: 'ambiguous', code: 'SendgridTimeout' });
});

test('each call opens its own connection, because one that closed during a freeze would lose a mail', async () => {
  let connections = 0;
  const port = await open(http.createServer((_, response) => response.writeHead(202).end()));
  server.on('connection', (socket: net.Socket) => {
    connections += 1;
    remember(socket);
  });
  const sendgrid = realSendgrid({ endpoint: `http://127.0.0.1:${port}`, apiKey: secretOf('SG.key'), instance: 'acme' });

  await sendgrid.send(aMail(), PATIENT);
  await sendgrid.send(aMail(), PATIENT);

  expect(connections).toBe(2);
});

test('the time-out ends an answer that never ends', async () => {
  const port = await open(
    http.createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"tickets":[');
    }),
  );
  server.on('connection', remember);

  const answer = await timedOut(
    (timeoutMs) =>
      request({ method: 'GET', url: `http://127.0.0.1:${port}/`, headers: {}, timeoutMs }).catch((error) => error),
    (result) => !(result instanceof NoAnswer),
  );

  expect(answer).toMatchObject({ status: 200, body: undefined });
});

test('a request to an invalid address rejects as unsendable', async () => {
  const port = await open(net.createServer(remember));

  const reason = (url: string) => request({ method: 'GET', url, headers: {}, timeoutMs: 100 }).catch((error) => error);

  expect(await reason('not an address')).toMatchObject({ reason: 'unsendable', sent: false });
  expect(await reason(`ftp://127.0.0.1:${port}/`)).toMatchObject({ reason: 'unsendable', sent: false });
});

test('an answer without end is cut off after 8 MiB, and its status counts', async () => {
  let sent = 0;
  const port = await open(
    http.createServer((_request, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, ' '))) sent += 64 * 1024;
      };
      response.on('drain', more);
      more();
    }),
  );

  const answer = await request({ method: 'GET', url: `http://127.0.0.1:${port}`, headers: {}, ...PATIENT });

  expect(answer).toMatchObject({ status: 200, body: undefined });
  expect(sent).toBeLessThan(64 * 1024 * 1024);
});
