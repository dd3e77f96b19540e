import { randomUUID } from 'node:crypto';
import type { AnalyticsFigures } from '../../../lib/operate/ops/analytics';
import { readInstance } from '../../../resources/instances/read';
import { type WatchedService, watchedService } from '../../support/local-service';
import { changedLocalPackage } from '../../support/packages';

const QUEUES = readInstance('local').rows.map(({ name }) => name);

let service: WatchedService;

beforeAll(async () => {
  const standard = QUEUES.map((queue) => [`queues.${queue}.type`, 'standard']);
  service = await watchedService(await changedLocalPackage(Object.fromEntries(standard)));
});
afterAll(() => service.stop());

const feedback = (email = 'user@example.com') => ({ user: { email }, subject: 'Hello', message: 'It works' });

test('a job of a standard queue runs once, and one that dies has an entry in its DLQ', async () => {
  service.zendesk.fail({
    method: 'POST',
    path: '/api/v2/tickets',
    status: 422,
    bodyContains: 'dead@example.com',
    times: 'forever',
  });
  const sent = [feedback(), feedback('dead@example.com')].map((data) => service.producer.feedback(data));
  const [done, dead] = await Promise.all(sent.map(async (job) => service.recorded((await job).id)));

  expect(service.declared.queues.map(({ name }) => name).filter((name) => name.includes('fifo'))).toEqual([]);
  expect([done, dead]).toMatchObject([{ state: 'succeeded', attempts: 1 }, { state: 'dead' }]);
  await service.until('its entry', () => service.sqs.messages('local-feedback-dlq').length === 1);
});

test('the console shows what analytics stores and rejects, from CloudWatch and the bucket', async () => {
  const { deployment, ports } = service;
  const url = deployment.queueUrl('analytics');
  const [id, time] = [randomUUID(), new Date().toISOString()];
  const data = { events: [{ id: 'event-1', name: 'opened', time }, { id: 'event-2' }] };
  const envelope = { specversion: '1.0', id, type: 'analytics.events.v1', source: '/my/api', time, data };
  const figures = async () => {
    const answer = await fetch(`${service.endpoints.api}/console/api/analytics`, { headers: { 'x-console': '1' } });
    return (await answer.json()) as AnalyticsFigures;
  };

  await ports.queues.send(url, { body: JSON.stringify(envelope) });
  await service.until('the figures', async () => (await figures()).p95.length > 0);

  const { p50, p95, ...shown } = await figures();
  expect(shown).toMatchObject({
    ...{ accepted: [{ value: 1 }], rejected: [{ value: 1 }] },
    stored: { of: 1, names: [{ name: 'opened', events: 1 }] },
    rejections: { of: 1, rules: [{ field: 'name', events: 1, example: { job: id, value: 'undefined' } }] },
  });
  expect(p50).toEqual(p95);
  expect(p50[0]?.value).toBeGreaterThan(0);
});
