import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventVerifier, type WebhookRequest } from '../../../lib/queues/emails/events/verify';
import { parseEvent } from '../../../lib/queues/emails/events/webhook';
import { MAIL_STEPS } from '../../../lib/queues/queues';
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
const answer = { status: 200 };

beforeEach(async () => {
  project = mkdtempSync(join(tmpdir(), 'project-'));
  answer.status = 200;
  server = http.createServer((_, response) => response.writeHead(answer.status).end());
  endpoints = { ...(urls as Endpoints), api: await listen(server, 0) };
});
afterEach(async () => {
  await close(server);
  rmSync(project, { recursive: true });
});

test.each<[string, (withdraw: () => void) => unknown]>([
  ['a service that withdrew its announcement', (withdraw) => withdraw()],
  ['a killed service', () => close(server)],
  ['another server on the same port', () => Object.assign(answer, { status: 404 })],
  ['other content', () => writeFileSync(join(project, '.local/service.json'), '{"api":"elsewhere"}')],
])('%s is not found', async (_what, given) => {
  await given(announce(endpoints, project));

  expect(await findService(project)).toBeUndefined();
});

test('an announced service that answers is found, also after an older one has withdrawn', async () => {
  const withdraw = announce({ ...endpoints, sqs: endpoints.s3 }, project);
  announce(endpoints, project);

  withdraw();

  expect(await findService(project)).toEqual(endpoints);
});

test('functions are connected to the service, without credentials of a real account', () => {
  const real = { AWS_ACCESS_KEY_ID: 'real', AWS_SESSION_TOKEN: 'real', AWS_PROFILE: 'real' };
  const env: Record<string, string | undefined> = { ...real, PATH: '/bin' };
  const environment = { ZENDESK_ENDPOINT: 'https://example.zendesk.com/api/v2', BRAND_NAME: 'Example' };
  const functions = { feedback: { environment }, reconciler: {} };

  connectFunctions(endpoints, functions, env);

  const { sqs, s3, dynamodb, aws, zendesk } = endpoints;
  expect(env).toMatchObject({
    ...{ AWS_ACCESS_KEY_ID: 'local', AWS_ENDPOINT_URL_SQS: sqs, AWS_ENDPOINT_URL_S3: s3, AWS_ENDPOINT_URL: aws },
    ...{ AWS_ENDPOINT_URL_DYNAMODB: dynamodb, PATH: '/bin' },
    LOCAL_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:local',
  });
  expect(JSON.stringify(env)).not.toContain('real');
  expect(functions.feedback.environment).toEqual({ ZENDESK_ENDPOINT: zendesk, BRAND_NAME: 'Example' });
});

test('the webhook takes the event of its fixture with the signature that it gets', () => {
  const now = Date.now();
  const verify = eventVerifier([EVENT_KEYS.publicKey], () => now);
  const request = JSON.parse(readFileSync('tests/fixtures/email-events.json', 'utf8')) as WebhookRequest;
  const of = { instance: 'local', mailSteps: MAIL_STEPS, clock: memoryClock(now) };
  const verdict = verify(signedAsSendgrid(request, now) as WebhookRequest);

  expect(verify(request)).toEqual({ status: 403 });
  expect(signedAsSendgrid({ Records: [] }, 0)).toEqual({ Records: [] });
  expect('body' in verdict && parseEvent(JSON.parse(verdict.body.toString())[0], of)).toBeDefined();
});
