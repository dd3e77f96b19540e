import { realEvents } from '../../../lib/aws/events';
import { startEventBridge } from '../../../packages/local/emulators';
import { against } from '../../support/emulators';

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

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(bus: string) {
  const bridge = await startEventBridge({ buses: ['my-jobs'] });
  closing.push(bridge.close);
  return { bridge, events: realEvents({ bus, instance: 'my' }, against(bridge.url)) };
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

test('an event that the bus refuses is a StoreError', async () => {
  const { bridge, events } = await start('no-such-bus');

  await expect(events.publish(completion)).rejects.toMatchObject({
    name: 'StoreError',
    code: 'EventBridge.ResourceNotFoundException',
  });
  expect(bridge.events).toEqual([]);
});
