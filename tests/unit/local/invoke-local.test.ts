import { readFileSync } from 'node:fs';
import { parseEvent } from '../../../lib/emails/events/event';
import { eventVerifier, type WebhookRequest } from '../../../lib/emails/events/verify';
import { EVENT_KEYS } from '../../../lib/local/endpoints';
import { connectFunctions, signedAsSendgrid } from '../../../lib/local/invoke-local';

const endpoints = {
  sqs: 'http://127.0.0.1:1001',
  s3: 'http://127.0.0.1:1002',
  dynamodb: 'http://127.0.0.1:1003',
  eventbridge: 'http://127.0.0.1:1009',
  sns: 'http://127.0.0.1:1000/sns',
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
