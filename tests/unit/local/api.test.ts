import http from 'node:http';
import { createApi } from '../../../packages/local/api';
import type { InvokeResult } from '../../../packages/local/lambda/runtime';
import { close, listen } from '../../../packages/local/loopback';
import { createTestProducer } from '../../../packages/producer/testing';

let server: http.Server;
let url: string;
/** What the function for SendGrid's events got, and how it ends. */
let events: object[];
let outcome: InvokeResult;

beforeEach(async () => {
  events = [];
  const api = createApi({
    producer: createTestProducer(),
    emailEvents: async (event) => {
      events.push(event);
      return outcome;
    },
  });
  server = http.createServer(api);
  url = await listen(server, 0);
});

afterEach(() => close(server));

test.each([
  ['/health', 200, { status: 'ok' }],
  ['/other', 404, { detail: 'there is no such path' }],
  ['/jobs/%ff', 400, { detail: 'the request is not well-formed' }],
])('GET %s', async (path, status, json) => {
  const answer = await fetch(url + path);

  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject(json);
});

test.each([
  [{ kind: 'answer', value: { statusCode: 204 } }, 204],
  [{ kind: 'answer', value: 'no status' }, 502],
  [{ kind: 'failed', reason: 'timeout' }, 502],
  [{ kind: 'throttled' }, 429],
] as const)(
  "SendGrid's events go to their function as they are, and %j is answered with %i",
  async (result, status) => {
    outcome = result;
    const body = Buffer.from([0xff, 0x00, 0x7b]);

    const answer = await fetch(`${url}/email-events`, { method: 'POST', body, headers: { 'X-Signed': 'yes' } });

    expect(answer.status).toBe(status);
    expect(events).toMatchObject([
      { headers: { 'x-signed': 'yes' }, body: body.toString('base64'), isBase64Encoded: true },
    ]);
  },
);
