import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { gunzipSync } from 'node:zlib';
import { exampleFeedback, exampleWithService } from '../../support/installed-example';

const started = exampleWithService();

const event = (id: string) => ({ id, name: 'opened', time: new Date().toISOString() });

test('the packed example serves its document', async () => {
  expect((await started.ask('GET', '/openapi.json')).status).toBe(200);
});

test('told to stop, the example answers the running request, sends its events and ends with 0', async () => {
  const { ask, service } = started;
  const { url, end, says } = started.current;
  const ids = ['e-1', 'e-2', 'e-3'].map((id) => `${id}-${randomUUID()}`);
  expect((await ask('POST', '/analytics', { events: ids.map(event) })).status).toBe(202);
  const body = Buffer.from(JSON.stringify(exampleFeedback('late')));
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
    const keys = await service.ports.objects.list('jobs/analytics-originals/');
    const objects = await Promise.all(keys.map((key) => service.ports.objects.get(key)));
    const lines = objects.map((bytes) => (bytes ? gunzipSync(bytes).toString() : '')).join('');
    return ids.every((id) => lines.includes(id));
  });
});
