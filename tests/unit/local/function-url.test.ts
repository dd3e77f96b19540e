import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { functionUrlEvent, functionUrlStatus } from '../../../lib/local/function-url';

test('a function URL passes on the raw body and the headers', async () => {
  let event: unknown;
  const server = http.createServer((request, response) => {
    void functionUrlEvent(request).then((made) => {
      event = made;
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const body = Buffer.from([0xff, 0x00, 0x7b]);

  await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    method: 'POST',
    body,
    headers: { 'X-Signed': 'yes' },
  });
  server.close();

  expect(event).toMatchObject({
    headers: { 'x-signed': 'yes' },
    requestContext: { http: { method: 'POST' } },
    body: body.toString('base64'),
    isBase64Encoded: true,
  });
});

test.each([
  [{ kind: 'answer', value: { statusCode: 204 } }, 204],
  [{ kind: 'answer', value: 'no status' }, 502],
  [{ kind: 'failed', reason: 'timeout' }, 502],
  [{ kind: 'throttled' }, 429],
] as const)('%j is answered with %i', (result, status) => {
  expect(functionUrlStatus(result)).toBe(status);
});
