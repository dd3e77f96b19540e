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
    endpoints: { sqs: api, s3: api, dynamodb: api, zendesk: api, sendgrid: api, appStoreConnect: api, discord: api },
  };
}

test('a service that was announced and answers is found', async () => {
  announce(connection(), project);

  expect(await findService(project)).toEqual(connection());
});

test('a service that has withdrawn is not found', async () => {
  announce(connection(), project)();

  expect(await findService(project)).toBeUndefined();
});

test('what a killed service has left is no service', async () => {
  announce(connection(), project);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));

  expect(await findService(project)).toBeUndefined();
});

test('something else on that port is no service', async () => {
  announce(connection(), project);
  status = 404;

  expect(await findService(project)).toBeUndefined();
});

test('a file that is not ours is no service', async () => {
  mkdirSync(join(project, '.local'));
  writeFileSync(join(project, '.local/service.json'), '{"api":"elsewhere"}');

  expect(await findService(project)).toBeUndefined();
});

test('an older service that withdraws leaves the newer one announced', async () => {
  const withdraw = announce({ ...connection(), region: 'eu-central-1' }, project);
  announce(connection(), project);

  withdraw();

  expect(await findService(project)).toEqual(connection());
});
