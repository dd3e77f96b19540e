import { type WatchedService, watchedService } from '../../support/local-service';
import { changedLocalPackage } from '../../support/packages';

const QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];

let service: WatchedService;

beforeAll(async () => {
  const standard = QUEUES.map((queue) => [`queues.${queue}.type`, 'standard']);
  service = await watchedService(await changedLocalPackage(Object.fromEntries(standard)));
});
afterAll(() => service.stop());

const send = async (path: string, body: object) => {
  const answer = await fetch(`${service.api}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as { id: string } };
};

test('no queue of the instance is FIFO, and no DLQ either', () => {
  expect(service.declared.queues.map(({ name }) => name).filter((name) => name.includes('fifo'))).toEqual([]);
});

test.each([
  ['feedback', { user: { email: 'user@example.com' }, subject: 'Hello', message: 'It works' }],
  [
    'emails',
    { from: { email: 'news@example.com' }, to: { email: 'user@example.com' }, subject: 'Hello', text: 'It works' },
  ],
  [
    'testflight',
    {
      action: 'invite',
      app: '1000000001',
      groups: ['00000000-0000-4000-8000-0000000000a1'],
      email: 'tester@example.com',
    },
  ],
])('a job of the standard queue %s succeeds', async (path, body) => {
  const { status, json } = await send(path, body);

  expect(status).toBe(202);
  expect(await service.recorded(json.id)).toMatchObject({ state: 'succeeded', attempts: 1 });
});

test('a job that dies on a standard queue has an entry in its DLQ', async () => {
  service.zendesk.fail({ method: 'POST', path: '/api/v2/tickets', status: 422, bodyContains: 'dead@example.com' });
  const { json } = await send('feedback', { user: { email: 'dead@example.com' }, subject: 'Hello', message: 'No' });

  expect(await service.recorded(json.id)).toMatchObject({ state: 'dead' });
  await service.until('its entry', () => service.sqs.messages('local-feedback-dlq').length === 1);
});

test('events of the standard queue analytics are stored', async () => {
  const event = { id: '0190b6c8-0000-7000-8000-000000000001', name: 'screen_viewed', time: new Date().toISOString() };
  const { status } = await send('analytics', { events: [{ ...event, user: 'u-1' }] });

  expect(status).toBe(202);
  const stored = async () => (await service.ports.objects.list('jobs/analytics/')).length > 0;
  await service.until('the stored events', stored);
});
