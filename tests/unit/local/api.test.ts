import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLedger } from '../../../lib/jobs/ledger';
import { createApi } from '../../../lib/local/api';
import type { InvokeResult } from '../../../lib/local/lambda/environment';
import { createJobs } from '../../../lib/producer/jobs';
import { createProducer } from '../../../lib/producer/producer';
import { memoryProducerDeps } from '../../support/producer';

let server: http.Server;
let url: string;
/** What the function for SendGrid's events got, and how it ends. */
let events: object[];
let outcome: InvokeResult;

beforeEach(async () => {
  events = [];
  const { deps } = memoryProducerDeps();
  const api = createApi({
    producer: {
      ...createProducer(deps),
      track: async () => {},
      jobs: createJobs({ ...deps, ledger: createLedger(deps), queueNames: ['feedback', 'emails'] }),
    },
    emailEvents: async (event) => {
      events.push(event);
      return outcome;
    },
    events: [{ id: 'event-1' }],
    health: () => ({ status: 'ok' }),
  });
  server = http.createServer(api).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const post = (path: string, body?: string, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    ...(body ? { body } : {}),
  });

test.each([
  ['/events', 200, [{ id: 'event-1' }]],
  ['/health', 200, { status: 'ok' }],
  ['/other', 404, { detail: 'there is no such path' }],
  ['/jobs/%ff', 400, { detail: 'the request is not well-formed' }],
])('GET %s', async (path, status, json) => {
  const answer = await fetch(url + path);

  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject(json);
});

test("the routes of the example are the service's own", async () => {
  const answer = await post('/feedback', '{"user":{"email":"a@example.com"},"subject":"S","message":"M"}');
  const location = answer.headers.get('location');

  expect([answer.status, location]).toEqual([202, expect.stringMatching(/^\/jobs\/[0-9a-f-]{36}$/)]);
  expect(await (await fetch(`${url}${location}`)).json()).toMatchObject({ state: 'queued' });
  expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
});

test('an e-mail to one person is a job', async () => {
  const from = '"from":{"email":"b@example.com"}';
  const answer = await post('/emails', `{"to":{"email":"a@example.com"},${from},"subject":"S","text":"T"}`);

  expect([answer.status, answer.headers.get('location')]).toEqual([202, expect.stringMatching(/^\/jobs\//)]);
  expect((await post('/emails', '{}')).status).toBe(400);
  expect((await fetch(`${url}/emails`)).headers.get('allow')).toBe('POST');
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
