import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { StoreError } from '../../../lib/errors';
import { createApi } from '../../../lib/local/api';
import { IdempotencyConflictError, InvalidJobError } from '../../../lib/producer/errors';
import type { Producer } from '../../../lib/producer/producer';
import type { SubmitOptions } from '../../../lib/producer/valid';

let server: http.Server;
let url: string;
let submitted: { data: unknown; options: SubmitOptions | undefined }[];
let submit: Producer['feedback'];

const testflight = async (action: string, data: unknown, options: SubmitOptions | undefined) => {
  submitted.push({ data: { [action]: data }, options });
  return { id: 'job-2', time: '2026-01-02T03:04:05.000Z', duplicate: false };
};

const decided = (status: string) => async (id: string) => (id === 'campaign-1' ? ({ id, status } as never) : undefined);
const report = async (id: string) => (id === 'campaign-1' ? ({ campaign: id, accepted: 1 } as never) : undefined);

beforeEach(async () => {
  submitted = [];
  submit = async () => ({ id: 'job-1', time: '2026-01-02T03:04:05.000Z', duplicate: false });
  const api = createApi({
    producer: {
      feedback: (data, options) => {
        submitted.push({ data, options });
        return submit(data, options);
      },
      email: async (data, options) => {
        submitted.push({ data, options });
        return { id: 'job-3', time: '2026-01-02T03:04:05.000Z', duplicate: false };
      },
      campaign: async (campaign, recipients, options) => {
        submitted.push({ data: { campaign, recipients }, options });
        const counts = { requested: 2, duplicates: 0, rejected: 1, recipients: 1, chunks: 1, rejectedKeys: ['k'] };
        return { id: 'campaign-1', time: '2026-01-02T03:04:05.000Z', duplicate: false, ...counts };
      },
      campaigns: { pause: decided('paused'), resume: decided('running'), cancel: decided('cancelled'), report },
      invite: (data, options) => testflight('invite', data, options),
      removeTester: (data, options) => testflight('remove', data, options),
      notifyBuild: (data, options) => testflight('notify-build', data, options),
    },
    emailEvents: async (request) => (request.headers['x-signed'] ? 204 : 403),
    tracker: {
      track: async (event) => {
        if (event.id === 'bad') throw new InvalidJobError([{ field: 'time', message: 'time: must be a time' }]);
        submitted.push({ data: event, options: undefined });
      },
    },
    views: {
      jobs: async () => [{ id: 'job-1' }],
      job: async (id) => (id === 'job-1' || id === 'invalid/m-1' ? { id, state: 'queued' } : undefined),
      deadLetters: () => [],
    },
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

const post = (body: string, headers: Record<string, string> = {}, path = '/feedback') =>
  fetch(url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

test('an accepted job is answered with 202, its id and its location', async () => {
  const answer = await post('{"subject":"Hello"}', {
    'idempotency-key': 'k-1',
    'x-correlation-id': 'c-1',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  });

  expect(answer.status).toBe(202);
  expect(answer.headers.get('location')).toBe('/jobs/job-1');
  expect(await answer.json()).toEqual({ id: 'job-1' });
  expect(submitted).toEqual([
    {
      data: { subject: 'Hello' },
      options: {
        key: 'k-1',
        principal: 'local',
        correlationId: 'c-1',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    },
  ]);
});

test('valid events are tracked, and invalid events are named by their index', async () => {
  const answer = await post('{"events":[{"id":"a"},{"id":"bad"},{"id":"c"}]}', {}, '/analytics');

  expect(answer.status).toBe(202);
  expect(await answer.json()).toEqual({
    accepted: 2,
    problems: [{ field: 'events.1.time', message: 'time: must be a time' }],
  });
  expect(submitted.map(({ data }) => data)).toEqual([{ id: 'a' }, { id: 'c' }]);
});

test.each([
  ['an empty list of events', '{"events":[]}', 'events'],
  ['an object instead of a list', '{"events":{}}', 'events'],
  ['a list without a valid event', '{"events":[{"id":"bad"}]}', 'events.0.time'],
])('%s is answered with 400', async (_what, body, field) => {
  const answer = await post(body, {}, '/analytics');

  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ problems: [{ field }] });
});

test('the same job again is answered as a duplicate', async () => {
  submit = async () => ({ id: 'job-1', time: '2026-01-02T03:04:05.000Z', duplicate: true });

  expect(await (await post('{}')).json()).toEqual({ id: 'job-1', duplicate: true });
});

test.each([
  [
    'an invalid job',
    new InvalidJobError([{ field: 'user.email', message: 'user.email: must be a valid email' }]),
    400,
    { error: 'not valid', problems: [{ field: 'user.email', message: 'user.email: must be a valid email' }] },
  ],
  [
    'a key that another job used',
    new IdempotencyConflictError('job-0'),
    409,
    { error: 'the idempotency key was used for a job with other data', id: 'job-0' },
  ],
  [
    'a job while the store is down',
    new StoreError({ code: 'SQS.ECONNREFUSED', message: 'SQS SendMessage failed: ECONNREFUSED' }),
    503,
    { error: 'try again with the same idempotency key', code: 'SQS.ECONNREFUSED' },
  ],
  ['a job that causes an unknown error', new Error('user@example.com'), 500, { error: 'internal error' }],
])('the API refuses %s and quotes nothing of the request', async (_, error, status, json) => {
  submit = async () => {
    throw error;
  };

  const answer = await post('{"user":{"email":"user@example.com"}}');

  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual(json);
});

test.each([
  ['a body that is not JSON', 'hello user@example.com', {}, 400, 'the body is not JSON'],
  ['another content type', 'a=b', { 'content-type': 'text/plain' }, 415, 'the content type must be application/json'],
  ['a body that is too large', `"${'x'.repeat(1024 * 1024)}"`, {}, 413, 'the body must be at most 1048576 bytes'],
])('the API refuses %s before the producer sees it', async (_, body, headers, status, error) => {
  const answer = await post(body, headers);

  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual({ error });
  expect(submitted).toEqual([]);
});

test.each([
  ['/jobs', 200, [{ id: 'job-1' }]],
  ['/jobs/job-1', 200, { id: 'job-1', state: 'queued' }],
  ['/jobs/invalid/m-1', 200, { id: 'invalid/m-1', state: 'queued' }],
  ['/jobs/job-2', 404, { error: 'there is no such job' }],
  ['/dlq', 200, []],
  ['/health', 200, { status: 'ok' }],
  ['/other', 404, { error: 'there is no such path' }],
  ['/jobs/%ff', 400, { error: 'the path is not well-formed' }],
])('GET %s', async (path, status, json) => {
  const answer = await fetch(url + path);

  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual(json);
});

test('a wrong method is refused, and the allowed methods are named', async () => {
  const answer = await fetch(`${url}/feedback`);

  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('POST');
});

test.each(['invite', 'remove', 'notify-build'])(
  'POST /testflight with the action %s submits the data',
  async (action) => {
    const answer = await post(JSON.stringify({ action, app: '1' }), { 'idempotency-key': 'k-1' }, '/testflight');

    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe('/jobs/job-2');
    expect(submitted).toMatchObject([{ data: { [action]: { app: '1' } }, options: { key: 'k-1' } }]);
  },
);

test.each(['{"action":"planted"}', '{}', '[]', 'null', '1'])(
  'POST /testflight with %s names the wrong field',
  async (body) => {
    const answer = await post(body, {}, '/testflight');

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('action: must be one of');
    expect(submitted).toEqual([]);
  },
);

describe('campaigns', () => {
  const send = (path: string, body?: string, headers: Record<string, string> = {}) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      ...(body ? { body } : {}),
    });

  test('are accepted with the counts of their recipients and a location', async () => {
    const answer = await send('/campaigns', '{"subject":"S","recipients":[{"email":"a@example.com"},{}]}');

    expect([answer.status, answer.headers.get('location')]).toEqual([202, '/campaigns/campaign-1']);
    expect(await answer.json()).toMatchObject({ id: 'campaign-1', requested: 2, rejected: 1, rejectedKeys: ['k'] });
    expect(submitted).toMatchObject([
      { data: { campaign: { subject: 'S' }, recipients: [{ email: 'a@example.com' }, {}] } },
    ]);
  });

  test('without recipients are refused, and the field is named', async () => {
    const answer = await send('/campaigns', '{"subject":"S"}');

    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ problems: [{ field: 'recipients' }] });
  });

  test('show their report, and can be paused, resumed and cancelled', async () => {
    expect(await (await fetch(`${url}/campaigns/campaign-1`)).json()).toEqual({ campaign: 'campaign-1', accepted: 1 });
    for (const [action, status] of Object.entries({ pause: 'paused', resume: 'running', cancel: 'cancelled' }))
      expect(await (await send(`/campaigns/campaign-1/${action}`)).json()).toEqual({ id: 'campaign-1', status });

    for (const path of ['/campaigns/other/pause', '/campaigns/campaign-1/explode'])
      expect((await send(path)).status).toBe(404);
    expect((await fetch(`${url}/campaigns/other`)).status).toBe(404);
  });

  test('an e-mail to one person is a job', async () => {
    const answer = await send('/emails', '{"to":{"email":"a@example.com"}}');

    expect([answer.status, answer.headers.get('location')]).toEqual([202, '/jobs/job-3']);
  });

  test("SendGrid's events go to their function, and its status is the answer", async () => {
    expect((await send('/email-events', '[]')).status).toBe(403);
    expect((await send('/email-events', '[]', { 'x-signed': 'yes' })).status).toBe(204);
  });
});
