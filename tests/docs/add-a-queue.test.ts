import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { readPackage } from '../../packages/local/template/package';
import { edits, follow, page } from '../support/add-a-queue';
import { changeInstance } from '../support/instances';
import { type WatchedService, watchedService } from '../support/local-service';
import { compiledTemplate, type ServiceDirectory, serviceDirectory, withoutCode } from '../support/sls';

/** A push service on loopback. It answers each request with an id. */
async function fakePushService() {
  const requests: { authorization: string | undefined; body: unknown }[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      requests.push({ authorization: request.headers.authorization, body });
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'push-1' }));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { requests, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

let directory: ServiceDirectory;
let service: WatchedService | undefined;
beforeAll(() => {
  directory = serviceDirectory();
  withoutCode(directory);
  follow(directory.path);
});
afterAll(async () => {
  await service?.stop();
  directory.remove();
});

test('a queue takes three new files, and lines in six others beside what is copied', () => {
  const files = (kind: 'file' | 'created') => [...new Set(edits.map((edit) => edit[kind]).filter(Boolean))];

  expect(files('created')).toHaveLength(3);
  expect(files('file')).toHaveLength(6);
});

test('a queue that is added as the page says does a job on this machine', async () => {
  const fake = await fakePushService();
  changeInstance(directory.path, 'local', { 'push.endpoint': fake.url });
  const output = join(directory.path, 'package-local');
  await compiledTemplate(directory.path, 'local', { output });
  service = await watchedService(readPackage(output));
  const [, example = ''] = /```json\n([\s\S]*?)```/.exec(page) ?? [];
  const body = JSON.stringify({ ...(JSON.parse(example) as object), time: new Date().toISOString() });
  const { id, data } = JSON.parse(body) as { id: string; data: unknown };

  await service.ports.queues.send(service.deployment.queueUrl('push'), { body, groupId: id, deduplicationId: id });
  const job = await service.recorded(id);
  fake.close();

  expect(job).toMatchObject({ queue: 'push', state: 'succeeded', attempts: 1, result: { id: 'push-1' } });
  expect(fake.requests).toEqual([{ authorization: 'Bearer local-push-key', body: data }]);
});
