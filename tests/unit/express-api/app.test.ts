import { readFileSync } from 'node:fs';
import http from 'node:http';
import { type Completion, createTestProducer, isEndOf, StoreError, type TestProducer } from 'background-jobs-producer';
import type { Express } from 'express';
import { createApp } from '../../../examples/express-api/src/app';
import { jobEvents } from '../../../examples/express-api/src/job-events';
import { close, listen } from '../../../packages/local/loopback';
import { aFeedback } from '../../support/feedback';
import { askByDocument, operations } from '../../support/openapi';
import { memoryProducerDeps } from '../../support/producer';

const SECRET = 'private-user@example.com';
const KEY = 'the key of this test';
const JOB = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

let server: http.Server;
let url: string;
let producer: TestProducer;
let lines: object[];
let ends: Completion[];
let onEnd: (end: Completion) => unknown;

const feedback = (changes: object = {}) => aFeedback({ user: { email: SECRET }, ...changes });
const campaign = {
  from: { email: 'news@example.com' },
  subject: 'Hello',
  text: 'Hello',
  unsubscribe: { link: 'https://example.com/leave?who={{token}}' },
  recipients: [{ email: SECRET, data: { token: 'a1' } }],
};
const invite = { action: 'invite', app: '1', email: SECRET, groups: ['0f8fad5b-d9cb-469f-a165-70867728950e'] };
const event = (changes: object = {}) => ({ id: 'e-1', name: 'opened', time: new Date().toISOString(), ...changes });

beforeEach(async () => {
  lines = [];
  ends = [];
  onEnd = (end) => ends.push(end);
  producer = createTestProducer();
  const app = createApp({
    producer,
    principalOf: (request) => (request.get('x-anonymous') ? undefined : (request.get('x-client-id') ?? 'a-client')),
    userOf: (request) => (request.get('x-user') ? { id: 'user-1', email: 'proven@example.com' } : undefined),
    log: (message, facts) => lines.push({ message, ...facts }),
    routers: [jobEvents({ key: KEY, onEnd: (end) => onEnd(end) })],
  });
  server = http.createServer(app);
  url = await listen(server, 0);
});
afterEach(() => close(server));

/** Sends a request whose answer is not in the OpenAPI document. */
const post = (path: string, body: object) =>
  fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** Sends a request and holds the answer to the OpenAPI document. Personal data must not come back. */
async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const { said, ...answer } = await askByDocument(url, { method, path, body, headers });
  expect(said).not.toMatch(/private-user|node_modules|\.ts:/);
  expect(JSON.stringify(lines)).not.toContain('private-user');
  return answer;
}

test('the app has the routes of the OpenAPI document, and no others', () => {
  const app = createApp({ producer, principalOf: () => undefined });
  const routers = app.router.stack.map(({ handle }) => handle as unknown as Partial<Express['router']>);
  const routes = routers
    .flatMap(({ stack = [] }) => stack)
    .flatMap(({ route }) =>
      (route?.stack ?? []).flatMap(({ method }) => (method ? [`${method.toUpperCase()} ${route?.path}`] : [])),
    );

  const named = [...new Set(routes)].map((route) => route.replace(/:(\w+)/g, '{$1}'));
  expect(named.toSorted()).toEqual(operations().toSorted());
});

const FIGURES = { requested: 1, recipients: 1, duplicates: 0, rejected: 0, rejections: [], leftOut: 0 };
test.each<[string, object, object?]>([
  ['/feedback', feedback()],
  ['/campaigns', campaign, FIGURES],
  ['/testflight', invite],
  ['/testflight', { action: 'remove', app: '1', email: SECRET, from: 'app' }],
  ['/testflight', { action: 'notify-build', app: '1', build: '7c9e6679-7425-40de-944b-e07fc1f90ae7' }],
])('POST %s answers 202 with the job and where to look', async (path, body, more = {}) => {
  const { status, json, headers } = await ask('POST', path, body);
  const shown = await ask('GET', headers.get('location') ?? '');

  expect([status, json]).toEqual([202, { id: expect.stringMatching(JOB), duplicate: false, ...more }]);
  expect(shown).toMatchObject({ status: 200, json: { id: json.id, state: 'queued', ended: false } });
  expect([shown.headers.get('retry-after'), shown.headers.get('cache-control')]).toEqual(['1', 'no-store']);
});

test.each([
  ['/campaigns', campaign],
  ['/testflight', invite],
])('POST %s is a 401 for a caller without a name, and nothing is sent', async (path, body) => {
  expect((await ask('POST', path, body, { 'x-anonymous': '1' })).status).toBe(401);
  expect(producer.sent).toEqual([]);
});

test('a caller names no file but an upload of their own, and bad bodies get short answers', async () => {
  const file = 'jobs/_attachments/feedback/of-the-api.png';
  await producer.upload(file, 'png');
  const bad = Array.from({ length: 5_000 }, () => ({}));

  const named = await ask('POST', '/feedback', feedback({ attachments: [{ key: file }] }));
  const some = await post('/analytics', { events: [...bad, event()] });
  const none = await post('/analytics', { events: bad });

  expect([named.status, named.json.errors]).toMatchObject([400, [{ field: 'attachments.0.key' }]]);
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const given = feedback();
    Object.defineProperty(given, name, { value: 1, enumerable: true });
    const { status, json } = await ask('POST', '/feedback', given);
    expect([status, json.errors]).toMatchObject([400, [{ field: name }]]);
  }
  const [said, refused] = await Promise.all([some.text(), none.text()]);
  expect(JSON.parse(said)).toMatchObject({ accepted: 1 });
  expect(Math.max(said.length, refused.length)).toBeLessThan(20_000);
});

test('a second tap makes one ticket, and a second click on "Send to all" is a 409 unless the body says again', async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'setInterval', 'queueMicrotask'] });
  const said = feedback({ message: 'once' });
  const ids: unknown[] = [];
  const send = async (changes: object, headers?: Record<string, string>) => {
    const { json } = await ask('POST', '/feedback', { ...said, ...changes }, headers);
    ids.push(json.id);
    return json.duplicate;
  };
  // Other facts beside the same words, other words, another client, no client, and a later minute.
  expect([await send({}), await send({}), await send({ context: { battery: 3 } })]).toEqual([false, true, true]);
  expect(await send({ message: 'twice' })).toBe(false);
  expect(await send({}, { 'x-client-id': 'other' })).toBe(false);
  expect(await send({}, { 'x-anonymous': '1' })).toBe(false);
  jest.setSystemTime(Date.now() + 60_000);
  expect(await send({})).toBe(false);
  expect(new Set(ids).size).toBe(5);
  jest.useRealTimers();

  const { json } = await ask('POST', '/campaigns', campaign);
  expect(await ask('POST', '/campaigns', campaign)).toMatchObject({ status: 409, json: { job: json.id } });
  expect(await ask('POST', '/campaigns', { ...campaign, again: true })).toMatchObject({ status: 202 });
});

test('a feedback that could not be sent is sent with its next request, also beside other facts', async () => {
  let isDown = true;
  const own = memoryProducerDeps({
    queues: ({ send, ...queues }) => ({
      ...queues,
      send: async (...given) => {
        if (isDown) throw new StoreError({ code: 'SQS.ServiceUnavailable', message: 'SQS SendMessage failed' });
        return send(...given);
      },
    }),
  });
  server.removeAllListeners('request');
  server.on('request', createApp({ producer: own.producer, principalOf: () => 'a-client' }));

  const first = await ask('POST', '/feedback', feedback({ context: { battery: 3 } }));
  isDown = false;
  const second = await ask('POST', '/feedback', feedback({ context: { battery: 2 } }));

  expect([first.status, second.status, second.json.duplicate]).toEqual([503, 202, false]);
  expect(own.messages()).toHaveLength(1);
});

test('a header that cannot be used refuses nothing, and is named', async () => {
  const { json } = await ask('POST', '/feedback', feedback(), { 'x-correlation-id': 'Root=1-67891233' });

  expect(json.warnings).toMatchObject([{ field: 'X-Correlation-Id' }]);
});

test('the headers name the key, its owner, the correlation id and the trace', async () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const headers = { 'idempotency-key': 'k', 'x-client-id': 'one', 'x-correlation-id': 'c-1', traceparent };

  const first = await ask('POST', '/feedback', feedback(), headers);
  const again = await ask('POST', '/feedback', feedback(), headers);
  const other = await ask('POST', '/feedback', feedback(), { ...headers, 'x-client-id': 'two' });

  expect(again.json).toEqual({ id: first.json.id, duplicate: true });
  expect(other.json.id).not.toBe(first.json.id);
  expect(producer.sent).toMatchObject([{ options: { correlationId: 'c-1', traceparent } }, {}]);
});

test('a request may plan its job, whose time is shown, and cancel it before it starts', async () => {
  const time = new Date(Date.now() + 3_600_000).toISOString();

  const { status, headers } = await ask('POST', `/feedback?notBefore=${time}`, feedback());
  const job = headers.get('location') ?? '';
  const shown = await ask('GET', job);
  const cancelled = await ask('DELETE', job);
  const again = await ask('DELETE', job);

  expect(status).toBe(202);
  expect(shown.json).toMatchObject({ state: 'planned', notBefore: time });
  expect([cancelled.status, again.status]).toEqual([200, 200]);
  expect(cancelled.json).toMatchObject({ state: 'cancelled', ended: true });
});

test.each([
  ['another client', { 'x-client-id': 'another' }],
  ['a caller without a name', { 'x-anonymous': '1' }],
])('%s can neither read nor cancel a job', async (_who, headers) => {
  const time = new Date(Date.now() + 3_600_000).toISOString();
  const { json } = await ask('POST', `/feedback?notBefore=${time}`, feedback());
  const path = `/jobs/${json.id}`;

  const answers = [await ask('GET', path, undefined, headers), await ask('DELETE', path, undefined, headers)];

  expect(answers.map(({ status }) => status)).toEqual([404, 404]);
  expect((await ask('GET', path)).json.state).toBe('planned');
});

/** A query is refused, so that no job starts at once by mistake. All anonymous callers would share a key. */
test.each<[path: string, body: unknown, fields: string[], headers?: Record<string, string>]>([
  ['/feedback', feedback({ user: { email: 'x' }, subject: '' }), ['user.email', 'subject']],
  ['/feedback', feedback({ user: { id: 'user-1', email: SECRET } }), ['user.id']],
  ['/feedback', feedback({ [SECRET]: 1, user: { email: 'a@example.com', nmae: 'A' } }), ['user.nmae', '*']],
  ['/feedback', [], ['(body)']],
  ['/feedback', '', ['user', 'subject', 'message']],
  ['/feedback?notBefore[a]=x', feedback(), ['(query)']],
  ['/feedback?notbefore=2026-01-03T00:00:00Z', feedback(), ['(query)']],
  ['/feedback', feedback(), ['Idempotency-Key'], { 'idempotency-key': 'k', 'x-anonymous': '1' }],
  ['/feedback', feedback(), ['Idempotency-Key'], { 'idempotency-key': 'x'.repeat(256) }],
  ['/campaigns', { ...campaign, recipients: undefined }, ['recipients']],
  ['/campaigns', 'null', ['recipients']],
  ['/testflight', { ...invite, action: SECRET }, ['action']],
  ['/testflight', { ...invite, groups: [] }, ['groups']],
  ['/analytics', {}, ['events']],
  ['/analytics', { events: [event({ time: 'x' })] }, ['events.0.time']],
])('POST %s with the body %j is refused, and names what is wrong: %j', async (...[path, body, fields, headers]) => {
  const { status, json } = await ask('POST', path, body, headers);
  const errors = json.errors as { field: string; detail: string }[];

  expect(status).toBe(400);
  expect(errors).toEqual(fields.map((field) => ({ field, detail: expect.not.stringMatching(/^[\w.]+: /) })));
  expect(producer.sent).toEqual([]);
});

test('a proven address comes from the authentication', async () => {
  await ask('POST', '/feedback', feedback({ user: { email: SECRET, name: 'Ann' } }), { 'x-user': '1' });

  expect(producer.sent).toMatchObject([{ data: { user: { id: 'user-1', email: 'proven@example.com', name: 'Ann' } } }]);
});

test('valid events are taken, and invalid ones are named by their index', async () => {
  const good = await ask('POST', '/analytics', { events: [event()] });
  const answer = await post('/analytics', { events: [event(), event({ id: '', name: '' }), 7] });

  expect([good.status, good.json]).toEqual([202, { accepted: 1, errors: [] }]);
  expect(answer.status).toBe(202);
  expect(await answer.json()).toEqual({
    accepted: 1,
    errors: [
      { field: 'events.1.id', detail: 'must be 1 to 64 letters, digits or _.:-' },
      { field: 'events.2', detail: 'must be an object' },
    ],
  });
});

const MiB = 1024 * 1024;
const LATIN = { 'content-type': 'application/json; charset=latin1' };
test.each([
  ['a body that is not JSON', '/feedback', `{"a": ${SECRET}`, {}, 400, 'the body is not JSON'],
  ['another charset', '/feedback', '{}', LATIN, 415, 'the body must be JSON in UTF-8'],
  ['another encoding', '/feedback', '{}', { 'content-encoding': 'planted' }, 415, 'the body must be JSON in UTF-8'],
  ['a large body', '/feedback', `"${'x'.repeat(MiB)}"`, {}, 413, 'the body must be at most 1048576 bytes'],
  ['a large campaign', '/campaigns', `"${'x'.repeat(10 * MiB)}"`, {}, 413, 'the body must be at most 10485760 bytes'],
])('%s is refused before the producer sees it', async (_what, path, body, headers, status, detail) => {
  const answer = await ask('POST', path, body, headers);

  expect([answer.status, answer.json.detail]).toEqual([status, detail]);
  expect(producer.sent).toEqual([]);
});

test('while the store is down the answer is 503, the log says why, and a repeat makes one job', async () => {
  const key = { 'idempotency-key': 'k' };
  producer.failNext();
  const refused = await ask('POST', '/feedback', feedback(), key);
  const { status } = await ask('POST', '/feedback', feedback(), key);

  expect([refused.status, refused.headers.get('retry-after'), status]).toEqual([503, '1', 202]);
  expect(lines).toContainEqual({ message: 'failed', error: 'StoreError', code: 'SQS.ServiceUnavailable' });
  expect(producer.sent).toHaveLength(1);
});

test('an unknown error is answered with 500 and nothing else, and its place is logged', async () => {
  producer.failNext(new TypeError(SECRET));
  const answer = await post('/feedback', feedback());

  const problem = { type: 'about:blank', title: 'Internal Server Error', status: 500 };
  expect(await answer.json()).toEqual({ ...problem, detail: 'the request failed for a reason on our side' });
  const at = expect.stringMatching(/^at .*app\.test\.ts/);
  expect(lines.find((one) => 'error' in one)).toMatchObject({ message: 'failed', error: 'TypeError', at });
  expect(JSON.stringify(lines)).not.toContain('private-user');
});

test.each([
  ['GET', '/jobs/planted', 404],
  ['GET', '/jobs/%ff', 400],
  ['GET', '/other', 404],
  ['DELETE', '/jobs/0f8fad5b-d9cb-469f-a165-70867728950e', 404],
])('%s %s answers %d as problem+json', async (method, path, status) => {
  const answer = await fetch(url + path, { method });

  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  expect(await answer.json()).toMatchObject({ type: 'about:blank', status });
});

test('each request is logged by its route, without anything that its caller chose', async () => {
  await ask('POST', '/feedback', feedback());
  await ask('GET', '/jobs/0f8fad5b-d9cb-469f-a165-70867728950e');

  expect(lines).toMatchObject([
    { message: 'request', method: 'POST', route: '/feedback', status: 202 },
    { message: 'request', method: 'GET', route: '/jobs/:id', status: 404 },
  ]);
});

const [, example = ''] = /```json\n(.*?)```/s.exec(readFileSync('docs/events.md', 'utf8')) ?? [];
const published = JSON.parse(example) as { detail: Completion };
const { detail } = published;

/** Posts as EventBridge does, and answers the status. */
async function told(changes: Partial<Completion> = {}, authorization = KEY): Promise<number> {
  const headers = { 'content-type': 'application/json; charset=utf-8', authorization };
  const body = JSON.stringify({ ...published, detail: { ...detail, ...changes } });
  return (await fetch(`${url}/job-events`, { method: 'POST', headers, body })).status;
}

test('the end of a job is taken once, with its result, however often it comes', async () => {
  expect([await told(), await told()]).toEqual([204, 204]);

  expect(ends).toEqual([detail]);
});

test('an end that comes again while its call runs is the same call', async () => {
  let repeat: Promise<number> | undefined;
  onEnd = async (end) => {
    ends.push(end);
    if (repeat !== undefined) return;
    const isRead = new Promise((resolve) =>
      server.once('request', (request: http.IncomingMessage) => request.once('end', resolve)),
    );
    repeat = told();
    await isRead;
    await new Promise(setImmediate);
  };

  expect([await told(), await repeat]).toEqual([204, 204]);
  expect(ends).toEqual([detail]);
});

test('an end has the type of result of its kind', () => {
  const ticket: string | undefined = isEndOf(detail, 'feedback') ? detail.result?.ticketId : undefined;

  expect(ticket).toBe('4711');
  expect(isEndOf(detail, 'email')).toBe(false);
});

test('a later end of the same job counts, and an end that comes after a later one does not', async () => {
  const [early, late] = ['2026-01-02T03:04:07.000Z', '2026-01-02T03:05:00.000Z'];
  const cancelled = { id: '1:cancelled', state: 'cancelled', endedAt: early };
  const succeeded = { id: '1:succeeded', endedAt: late };
  const again = { id: '2:dead', state: 'dead', generation: 2, endedAt: early };

  for (const end of [succeeded, cancelled, again, succeeded]) await told(end);

  expect(ends.map(({ id }) => id)).toEqual(['1:succeeded', '2:dead']);
});

test('an end whose handling fails is answered with an error, and is new when it comes again', async () => {
  onEnd = () => Promise.reject(new Error('the database is down'));
  expect(await told()).toBe(500);

  onEnd = (end) => ends.push(end);
  expect(await told()).toBe(204);
  expect(ends).toEqual([detail]);
});

test.each([
  ['no key', {}, '', 401],
  ['a wrong key', {}, `${KEY}.`, 401],
  ['no id', { id: undefined }, KEY, 400],
] as const)('a post with %s is refused', async (_what, changes, key, status) => {
  expect(await told(changes as Partial<Completion>, key)).toBe(status);
  expect(ends).toEqual([]);
});
