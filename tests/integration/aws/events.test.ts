import http from 'node:http';
import { createApp } from '../../../examples/express-api/src/app';
import { jobEvents } from '../../../examples/express-api/src/job-events';
import { realEvents } from '../../../lib/aws/events';
import type { Completion } from '../../../lib/ports';
import { localConfig } from '../../../packages/local/connection';
import { controlPlane } from '../../../packages/local/control-plane';
import { eventBridge } from '../../../packages/local/emulators';
import { createMetrics } from '../../../packages/local/functions';
import { close, listen } from '../../../packages/local/loopback';
import { createTestProducer } from '../../../packages/producer/testing';

const completion = {
  id: 'job-1:1:succeeded',
  job: 'job-1',
  queue: 'feedback',
  generation: 1,
  state: 'succeeded',
  final: true,
  acceptedAt: '2026-01-02T03:04:05.000Z',
  endedAt: '2026-01-02T03:04:07.000Z',
};

const fail = (): never => {
  throw new Error('no event calls this');
};
const closing: (() => unknown)[] = [];
let app: http.RequestListener;
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

test('the end of a job reaches the bus', async () => {
  const { bridge, events } = await start('my-jobs');

  await events.publish(completion);
  await events.publish(completion);

  expect(bridge.events).toHaveLength(2);
  expect(bridge.events[0]).toEqual({
    id: expect.any(String),
    source: 'jobs.my',
    'detail-type': 'Job Ended',
    time: '2026-01-02T03:04:07.000Z',
    detail: completion,
  });
});

test('the end of a job is posted to the example API with the key, and again after an error', async () => {
  const ends: Completion[] = [];
  const taken = new Promise<void>((resolve) => {
    const onEnd = (end: Completion) => {
      if (ends.push(end) === 1) throw new Error('the first time fails');
      resolve();
    };
    const routers = [jobEvents({ key: 'a key', onEnd })];
    app = createApp({ producer: createTestProducer(), principalOf: () => undefined, routers });
  });
  const server = http.createServer(app);
  const url = `${await listen(server, 0)}/job-events`;
  closing.push(() => close(server));
  const { events } = await start('my-jobs', { url, key: 'a key' });

  await events.publish(completion);
  await taken;

  expect(ends).toEqual([completion, completion]);
});

test('an event that the bus refuses is a StoreError', async () => {
  const { bridge, events } = await start('no-such-bus');

  await expect(events.publish(completion)).rejects.toMatchObject({
    name: 'StoreError',
    code: 'EventBridge.ResourceNotFoundException',
  });
  expect(bridge.events).toEqual([]);
});
