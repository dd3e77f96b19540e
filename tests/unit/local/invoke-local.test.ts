import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseEvent } from '../../../lib/emails/events/event';
import { eventVerifier, type WebhookRequest } from '../../../lib/emails/events/verify';
import type { Connection } from '../../../lib/local/connection';
import { EVENT_KEYS } from '../../../lib/local/endpoints';
import { connectFunctions, outcomes, signedAsSendgrid } from '../../../lib/local/invoke-local';
import { anEnvelope } from '../../support/engine';

const endpoints = {
  sqs: 'http://127.0.0.1:1001',
  s3: 'http://127.0.0.1:1002',
  dynamodb: 'http://127.0.0.1:1003',
  eventbridge: 'http://127.0.0.1:1009',
  zendesk: 'http://127.0.0.1:1004/api/v2',
  sendgrid: 'http://127.0.0.1:1005',
  appStoreConnect: 'http://127.0.0.1:1006',
  discord: 'http://127.0.0.1:1007',
};

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

  connectFunctions(
    { api: 'http://127.0.0.1:1000', region: 'us-east-1', endpoints },
    { functions, env, account: '000000000000' },
  );

  expect(env).toMatchObject({
    AWS_ACCESS_KEY_ID: 'local',
    AWS_ENDPOINT_URL_SQS: endpoints.sqs,
    AWS_ENDPOINT_URL_S3: endpoints.s3,
    AWS_ENDPOINT_URL_DYNAMODB: endpoints.dynamodb,
    AWS_ENDPOINT_URL_SNS: 'http://127.0.0.1:1000/sns',
    LOCAL_FUNCTION_ARN: 'arn:aws:lambda:us-east-1:000000000000:function:local',
    PATH: '/bin',
  });
  expect(env).not.toHaveProperty('AWS_PROFILE');
  expect(env).not.toHaveProperty('AWS_SESSION_TOKEN');
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
  const verdict = verify(signedAsSendgrid(request, now) as WebhookRequest);

  expect(verify(request)).toEqual({ status: 403 });
  expect('body' in verdict && parseEvent(JSON.parse(verdict.body.toString())[0], now)).toMatchObject({
    instance: 'local',
  });
});

test('any other event stays as it is', () => {
  expect(signedAsSendgrid({ Records: [] }, 0)).toEqual({ Records: [] });
  expect(signedAsSendgrid('', 0)).toBe('');
});

describe('outcomes', () => {
  let server: http.Server;
  let connection: Connection;
  const rows: Record<string, object> = {};

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      const row = rows[request.url ?? ''];
      response.writeHead(row ? 200 : 404).end(JSON.stringify(row ?? {}));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    connection = { api, region: 'us-east-1', endpoints };
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const id = '019b7712-7000-7a55-8c1e-6a1d2b3c4d5e';
  const event = (body: string) => ({ Records: [{ messageId: 'm-1', body }] });

  test('a job is reported with its state, attempts and steps', async () => {
    rows[`/records/${id}`] = {
      queue: 'feedback',
      state: 'succeeded',
      attempts: 1,
      steps: { ticket: { status: 'done' } },
    };

    expect(await outcomes(connection, event(JSON.stringify(anEnvelope({ id }))))).toEqual([
      `feedback ${id}: succeeded · attempts 1 · ticket done · ${connection.api}/records/${id}`,
    ]);
  });

  test('a body that is not a job is reported by its message id, with the reason', async () => {
    rows['/records/invalid/m-1'] = {
      queue: 'feedback',
      state: 'dead',
      reason: 'error',
      attempts: 1,
      steps: {},
      error: { code: 'NotJson', message: 'the message body is not JSON' },
    };

    expect(await outcomes(connection, event('hello'))).toEqual([
      `feedback invalid/m-1: dead (error) · attempts 1 · NotJson: the message body is not JSON · ${connection.api}/records/invalid/m-1`,
    ]);
  });

  test('a job without a row is reported as such', async () => {
    const other = '019b7712-7000-7a55-8c1e-000000000000';

    expect(await outcomes(connection, event(JSON.stringify(anEnvelope({ id: other }))))).toEqual([
      `${other}: no row (a successful analytics job writes none)`,
    ]);
  });

  test('an event without messages has no outcomes', async () => {
    expect(await outcomes(connection, { source: 'aws.events' })).toEqual([]);
    expect(await outcomes(connection, undefined)).toEqual([]);
  });
});
