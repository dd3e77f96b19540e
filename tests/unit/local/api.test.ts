import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLedger } from '../../../lib/jobs/ledger';
import { createApi } from '../../../lib/local/api';
import { createJobs } from '../../../lib/producer/jobs';
import { createProducer } from '../../../lib/producer/producer';
import { memoryProducerDeps } from '../../support/producer';

let server: http.Server;
let url: string;

beforeEach(async () => {
  const { deps } = memoryProducerDeps();
  const api = createApi({
    producer: {
      ...createProducer(deps),
      track: async () => {},
      jobs: createJobs({ ...deps, ledger: createLedger(deps), queueNames: ['feedback', 'emails'] }),
    },
    emailEvents: async (request) => (request.headers['x-signed'] ? 204 : 403),
    views: {
      job: async (id) => (id === 'job-1' || id === 'invalid/m-1' ? { id, state: 'queued' } : undefined),
      deadLetters: () => [],
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
  ['/records/job-1', 200, { id: 'job-1', state: 'queued' }],
  ['/records/invalid/m-1', 200, { id: 'invalid/m-1', state: 'queued' }],
  ['/records/job-2', 404, { detail: 'there is no such job' }],
  ['/dlq', 200, []],
  ['/health', 200, { status: 'ok' }],
  ['/other', 404, { detail: 'there is no such path' }],
  ['/records/%ff', 400, { detail: 'the request is not well-formed' }],
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

test("SendGrid's events go to their function, and its status is the answer", async () => {
  expect((await post('/email-events', '[]')).status).toBe(403);
  expect((await post('/email-events', '[]', { 'x-signed': 'yes' })).status).toBe(204);
});
