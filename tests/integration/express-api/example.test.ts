import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { close, listen } from '../../../packages/local/loopback';
import { aFeedback } from '../../support/feedback';
import { installExample, type RunningExample, variablesOf } from '../../support/installed-example';
import { type WatchedService, watchedService } from '../../support/local-service';
import { askByDocument } from '../../support/openapi';
import { localPackage } from '../../support/packages';

let example: Awaited<ReturnType<typeof installExample>>;
let service: WatchedService;
/** The process that takes the requests now. A process takes seconds to start, so the tests share it. */
let first: RunningExample;
let current: RunningExample;
const all: RunningExample[] = [];

beforeAll(async () => {
  [example, service] = await Promise.all([installExample(), localPackage().then(watchedService)]);
  first = await start();
  current = first;
});
afterAll(async () => {
  await Promise.all(all.map(({ end }) => end('SIGKILL')));
  await service.stop();
  example.remove();
});

async function start(env: Record<string, string> = {}): Promise<RunningExample> {
  const started = await example.start({ ...variablesOf(service), ...env });
  all.push(started);
  return started;
}

/** Calls the example and holds its answer to the OpenAPI document. */
const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  askByDocument(current.url, { method, path, body, headers: { 'x-client-id': 'a-client', ...headers } });

const feedback = (n: number | string = 0) =>
  aFeedback({ user: { email: `private-${n}@example.com` }, subject: 'Hello', message: 'It works' });
const event = (id: string) => ({ id, name: 'opened', time: new Date().toISOString() });

/** A killed process leaves its requests without an answer, or with a part of one. */
function unanswered(error: unknown): undefined {
  // Jest's own realm has other classes of these names.
  if (!['TypeError', 'SyntaxError'].includes((error as Error).name)) throw error;
}

/** Passes requests on to `target`. It resets those that `resets` names before they have any effect. */
async function resettingProxy(target: string, resets: () => boolean) {
  const server = http.createServer((request, response) => {
    if (resets()) {
      request.socket.destroy();
      return;
    }
    const { method, headers, url = '/' } = request;
    const onward = http.request(new URL(url, target), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  return { url: await listen(server, 0), close: () => close(server) };
}

test('killed at random points, the example loses no job whose 202 a client received, and makes none twice', async () => {
  const seed = Number(process.env.EXAMPLE_SEED ?? randomInt(2 ** 31));
  process.stdout.write(`EXAMPLE_SEED=${seed}\n`);
  const draw = <T>(arbitrary: fc.Arbitrary<T>) => fc.sample(arbitrary, { seed, numRuns: 1 })[0] as T;
  const kills = draw(fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 3, maxLength: 3 }));
  // While SQS resets connections, a message stays unsent for a while. An answer that did not wait for it would lose it.
  const resets = draw(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 100, maxLength: 100 }));
  let asked = 0;
  const sqs = await resettingProxy(service.endpoints.sqs, () => resets[asked++ % resets.length] === 0);
  const next = await Promise.all(kills.map(() => start({ AWS_ENDPOINT_URL_SQS: sqs.url })));
  current = next.shift() as RunningExample;
  const accepted = new Map<string, string>();

  /** A client sends its jobs one after another, and sends each again with its key until it is answered. */
  const client = async (name: number) => {
    for (let n = 0; n < 5; n++) {
      const key = `client-${name}-${n}`;
      while (!accepted.has(key)) {
        const headers = { 'idempotency-key': key };
        const answer = await ask('POST', '/feedback', feedback(key), headers).catch(unanswered);
        if (answer?.status === 202) accepted.set(key, String(answer.json.id));
        else await pause(1);
      }
    }
  };
  const clients = Promise.all([1, 2, 3].map(client));
  for (const following of next) {
    await pause(kills.pop());
    const killed = current.end('SIGKILL');
    current = following;
    await killed;
  }
  await clients;
  await pause(kills.pop());
  await current.end('SIGKILL');
  current = first;
  await sqs.close();

  expect(new Set(accepted.values()).size).toBe(15);
  for (const [key, id] of accepted) {
    const { state, reason, error } = await service.recorded(id);
    expect([key, state, reason, error]).toEqual([key, 'succeeded', undefined, undefined]);
    expect([key, service.zendesk.tickets.filter(({ external_id }) => external_id === id).length]).toEqual([key, 1]);
  }
});

test('the packed example serves its document', async () => {
  expect((await ask('GET', '/openapi.json')).status).toBe(200);
});

test('told to stop, the example answers the running request, sends its events and ends with 0', async () => {
  const { url, end, says } = current;
  const ids = ['e-1', 'e-2', 'e-3'].map((id) => `${id}-${randomUUID()}`);
  expect((await ask('POST', '/analytics', { events: ids.map(event) })).status).toBe(202);
  const body = Buffer.from(JSON.stringify(feedback('late')));
  const request = http.request(`${url}/feedback`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': body.length, expect: '100-continue' },
  });
  request.flushHeaders();
  await once(request, 'continue');

  const ended = end('SIGTERM');
  await says(/stopping/);
  request.end(body);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  answer.resume();

  expect(answer.statusCode).toBe(202);
  expect(await ended).toBe(0);
  await service.until('the events in the bucket', async () => {
    const keys = await service.ports.objects.list('jobs/analytics/');
    const objects = await Promise.all(keys.map((key) => service.ports.objects.get(key)));
    const lines = objects.map((bytes) => (bytes ? gunzipSync(bytes).toString() : '')).join('');
    return ids.every((id) => lines.includes(id));
  });
});

test('no process of the example has logged anything personal', () => {
  expect(all.map(({ output }) => output()).join('')).not.toMatch(/private-|Hello/);
});
