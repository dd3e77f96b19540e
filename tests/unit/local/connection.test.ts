import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventVerifier, type WebhookRequest } from '../../../lib/emails/events/verify';
import { parseEvent } from '../../../lib/emails/events/webhook';
import {
  announce,
  connectFunctions,
  type Endpoints,
  EVENT_KEYS,
  findService,
  signedAsSendgrid,
} from '../../../packages/local/connection';
import { close, listen } from '../../../packages/local/loopback';
import { memoryClock } from '../../support/memory-clock';

const NAMES = ['sqs', 's3', 'dynamodb', 'aws', 'zendesk', 'sendgrid', 'appStoreConnect', 'discord'];
const urls = Object.fromEntries(NAMES.map((name) => [name, `http://127.0.0.1:1/${name}`]));

let project: string;
let server: http.Server;
let endpoints: Endpoints;
let status: number;

beforeEach(async () => {
  project = mkdtempSync(join(tmpdir(), 'project-'));
  status = 200;
  server = http.createServer((_, response) => response.writeHead(status).end());
  endpoints = { ...(urls as Endpoints), api: await listen(server, 0) };
});
afterEach(async () => {
  await close(server);
  rmSync(project, { recursive: true });
});

test.each<[string, () => unknown]>([
  ['a service that withdrew its announcement', () => announce(endpoints, project)()],
  [
    'a killed service',
    () => {
      announce(endpoints, project);
      return close(server);
    },
  ],
  [
    'another server on the same port',
    () => {
      announce(endpoints, project);
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

test('an announced service that answers is found, also after an older one has withdrawn', async () => {
  const withdraw = announce({ ...endpoints, sqs: endpoints.s3 }, project);
  announce(endpoints, project);

  withdraw();

  expect(await findService(project)).toEqual(endpoints);
});

test('functions are connected to the service, without credentials of a real account', () => {
  const env: Record<string, string | undefined> = {
    AWS_ACCESS_KEY_ID: 'real',
    AWS_SESSION_TOKEN: 'real',
    AWS_PROFILE: 'real',
    PATH: '/bin',
  };
  const functions = {
    feedback: { environment: { ZENDESK_ENDPOINT: 'https://example.zendesk.com/api/v2', BRAND_NAME: 'Example' } },
    reconciler: {},
  };

  connectFunctions(endpoints, functions, env);

  expect(env).toMatchObject({
    AWS_ACCESS_KEY_ID: 'local',
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL: endpoints.aws,
    LOCAL_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:local',
    PATH: '/bin',
  });
  expect(JSON.stringify(env)).not.toContain('real');
  expect(functions).toEqual({
    feedback: { environment: { ZENDESK_ENDPOINT: endpoints.zendesk, BRAND_NAME: 'Example' } },
    reconciler: {},
  });
});

test('the webhook takes the event of its fixture with the signature that it gets', () => {
  const now = Date.now();
  const verify = eventVerifier([EVENT_KEYS.publicKey], () => now);
  const request = JSON.parse(readFileSync('tests/fixtures/email-events.json', 'utf8')) as WebhookRequest;
  const of = { instance: 'local', clock: memoryClock(now) };
  const verdict = verify(signedAsSendgrid(request, now) as WebhookRequest);

  expect(verify(request)).toEqual({ status: 403 });
  expect('body' in verdict && parseEvent(JSON.parse(verdict.body.toString())[0], of)).toBeDefined();
});

test.each([{ Records: [] }, ''])('any other event stays as it is: %j', (event) => {
  expect(signedAsSendgrid(event, 0)).toEqual(event);
});
