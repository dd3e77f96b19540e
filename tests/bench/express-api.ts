import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { portsFrom } from '../../packages/local/loopback';
import { startCloud, startedParts } from '../../packages/local/service';
import { installExample, variablesOf } from '../support/installed-example';
import { localPackage } from '../support/packages';
import { quantile, type Size, table } from './table';

const SIZES = {
  full: { perSecond: 200, warmUpSeconds: 3, seconds: 15 },
  small: { perSecond: 20, warmUpSeconds: 0, seconds: 1 },
};

const campaign = {
  ...{
    from: { email: 'news@example.com' },
    subject: 'S',
    text: 'T',
    recipients: [{ email: 'user@example.com', data: { token: 'a1' } }],
  },
  unsubscribe: { link: 'https://example.com/leave?who={{token}}' },
};
const event = () => ({ id: randomUUID(), name: 'screen_viewed', time: new Date().toISOString(), user: 'u-1' });
const REQUESTS: Record<string, () => object> = {
  'POST /feedback': () => ({ user: { email: `${randomUUID()}@example.com` }, subject: 'Hello', message: 'It works' }),
  // The same content to the same list would be refused.
  'POST /campaigns': () => ({ ...campaign, subject: randomUUID() }),
  'POST /testflight': () => ({ action: 'remove', app: '1', email: 'tester@example.com', from: 'app' }),
  'POST /analytics': () => ({ events: Array.from({ length: 20 }, event) }),
  'GET /jobs/{id}': () => ({}),
};

/**
 * How long the example's clients wait at 200 requests a second. The example is a process of its own. SQS, DynamoDB and
 * S3 are the emulators of this machine, in another process, without workers. A wait counts from the moment at which the
 * request was due.
 */
export async function exampleLatency(size: Size): Promise<string> {
  const { perSecond, seconds } = SIZES[size];
  const parts = startedParts();
  const example = await installExample();
  try {
    const cloud = await startCloud(await localPackage(), portsFrom(0), parts);
    const endpoints = { ...cloud.endpoints, aws: 'http://127.0.0.1:1' };
    const running = await example.start(variablesOf({ ...cloud, endpoints }));
    const waits = await load(running.url, SIZES[size]);
    await running.end('SIGTERM');
    const failed = [...waits].filter(([, all]) => all.includes(undefined)).map(([name]) => name);
    if (failed.length > 0) throw new Error(`requests failed: ${failed.join(', ')}`);
    return [
      `The example API, ${perSecond} requests a second for ${seconds} s, milliseconds until the answer:`,
      table(
        ['', 'requests', 'p50', 'p99', 'longest'],
        [...waits, ['all', [...waits.values()].flat()] as const].map(([name, all]) => {
          const answered = all.filter((ms) => ms !== undefined);
          return [name, all.length, ...[0.5, 0.99, 1].map((part) => quantile(answered, part).toFixed(0))];
        }),
      ),
    ].join('\n');
  } finally {
    await parts.close();
    example.remove();
  }
}

/** The waits by kind of request, ms. `undefined` stands for an answer that is no success. */
async function load(
  url: string,
  { perSecond, warmUpSeconds, seconds }: (typeof SIZES)[Size],
): Promise<Map<string, (number | undefined)[]>> {
  const agent = new http.Agent({ keepAlive: true });
  const waits = new Map(Object.keys(REQUESTS).map((name) => [name, [] as (number | undefined)[]]));
  const pending: Promise<void>[] = [];
  const { 'POST /feedback': first } = REQUESTS;
  let { id: known = '' } = await send(agent, `${url}/feedback`, 'POST', first?.() ?? {});
  const begun = performance.now();
  const kinds = Object.entries(REQUESTS);
  for (let n = 0; n < (warmUpSeconds + seconds) * perSecond; n++) {
    const due = begun + (n * 1_000) / perSecond;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    // A timer may fire up to a millisecond early.
    const from = Math.min(due, performance.now());
    const [name, body] = kinds[n % kinds.length] as [string, () => object];
    const [method = '', path = ''] = name.replace('{id}', known).split(' ');
    pending.push(
      send(agent, url + path, method, body()).then(({ status, id }) => {
        const ms = performance.now() - from;
        if (id !== undefined) known = id;
        if (n >= warmUpSeconds * perSecond) waits.get(name)?.push(status < 300 ? ms : undefined);
      }),
    );
  }
  await Promise.all(pending);
  agent.destroy();
  return waits;
}

async function send(agent: http.Agent, url: string, method: string, body: object) {
  const headers = { 'content-type': 'application/json', 'x-client-id': 'a-client' };
  const request = http.request(url, { agent, method, headers });
  request.end(method === 'POST' ? JSON.stringify(body) : undefined);
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { id } = (await json(response)) as { id?: string };
    return { status: response.statusCode ?? 0, id };
  } catch {
    return { status: 599 };
  }
}
