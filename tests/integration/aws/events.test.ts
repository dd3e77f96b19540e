import http from 'node:http';
import { realEvents } from '../../../lib/platform/aws/events';
import { localConfig } from '../../../packages/local/connection';
import { controlPlane } from '../../../packages/local/control-plane';
import { eventBridge } from '../../../packages/local/emulators';
import { createMetrics } from '../../../packages/local/functions';
import { close, listen } from '../../../packages/local/loopback';
import { fakeAws } from '../../support/fake-aws';

const completion = {
  ...{ id: 'job-1:1:succeeded', job: 'job-1', queue: 'feedback', generation: 1, state: 'succeeded', final: true },
  ...{ acceptedAt: '2026-01-02T03:04:05.000Z', endedAt: '2026-01-02T03:04:07.000Z' },
};

const fail = (): never => {
  throw new Error('no event calls this');
};
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(bus: string, webhook?: { url: string; key: string }) {
  const bridge = eventBridge(['my-jobs'], webhook);
  const unused = { lambda: { invoke: fail }, mappings: [], metrics: createMetrics() };
  const server = http.createServer(controlPlane({ ...unused, bridge }));
  const url = await listen(server, 0);
  closing.push(bridge.close, () => close(server));
  return { bridge, events: realEvents({ bus, instance: 'my' }, localConfig(`${url}/eventbridge`)) };
}

test('the end of a job reaches the bus, which posts it to the API with the key, and again after an error', async () => {
  const posted: unknown[] = [];
  let taken = () => {};
  const both = new Promise<void>((resolve) => {
    taken = resolve;
  });
  const api = await fakeAws(({ request, body }) => {
    posted.push({ key: request.headers.authorization, event: JSON.parse(body) });
    if (posted.length === 1) return [500, ''];
    taken();
    return [204, ''];
  });
  closing.push(api.close);
  const { bridge, events } = await start('my-jobs', { url: api.url, key: 'a key' });

  await events.publish(completion);
  await both;

  const event = {
    ...{ id: expect.any(String), source: 'jobs.my', 'detail-type': 'Job Ended', time: '2026-01-02T03:04:07.000Z' },
    detail: completion,
  };
  expect(bridge.events).toEqual([event]);
  expect(posted).toEqual(Array(2).fill({ key: 'a key', event }));
});

test('an event that the bus refuses is a StoreError', async () => {
  const { bridge, events } = await start('no-such-bus');

  const refused = { name: 'StoreError', code: 'EventBridge.ResourceNotFoundException' };
  await expect(events.publish(completion)).rejects.toMatchObject(refused);
  expect(bridge.events).toEqual([]);
});
