import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { announce, type Connection, findService } from '../../../lib/local/connection';

let project: string;
let server: http.Server;
let status: number;

beforeEach(async () => {
  project = mkdtempSync(join(tmpdir(), 'project-'));
  status = 200;
  server = http.createServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(project, { recursive: true });
});

function connection(): Connection {
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    api,
    region: 'us-east-1',
    endpoints: {
      sqs: api,
      s3: api,
      dynamodb: api,
      eventbridge: api,
      sns: api,
      zendesk: api,
      sendgrid: api,
      appStoreConnect: api,
      discord: api,
    },
  };
}

test('an announced service that answers is found', async () => {
  announce(connection(), project);

  expect(await findService(project)).toEqual(connection());
});

test.each<[string, () => unknown]>([
  ['a service that withdrew its announcement', () => announce(connection(), project)()],
  [
    'a killed service',
    () => {
      announce(connection(), project);
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  ],
  [
    'another server on the same port',
    () => {
      announce(connection(), project);
      status = 404;
    },
  ],
  [
    'a file with other content',
    () => {
      mkdirSync(join(project, '.local'));
      writeFileSync(join(project, '.local/service.json'), '{"api":"elsewhere"}');
    },
  ],
])('%s is not found', async (_what, given) => {
  await given();

  expect(await findService(project)).toBeUndefined();
});

test('an older service that withdraws keeps the announcement of a newer one', async () => {
  const withdraw = announce({ ...connection(), region: 'eu-central-1' }, project);
  announce(connection(), project);

  withdraw();

  expect(await findService(project)).toEqual(connection());
});
