import { zendeskLookup } from '../../../lib/cli/connect';

const environment = { ZENDESK_ENDPOINT: 'https://acme.zendesk.com/api/v2', ZENDESK_EMAIL: 'agent@acme.example.com' };

test('the look-up asks the Zendesk of the deployment, with the token that the operator gives', () => {
  expect(zendeskLookup(environment, 'the-token')).toEqual({
    endpoint: 'https://acme.zendesk.com/api/v2',
    authorization: `Basic ${Buffer.from('agent@acme.example.com/token:the-token').toString('base64')}`,
  });
});

test('without a token, or without a feedback queue, Zendesk is not asked', () => {
  expect(zendeskLookup(environment, undefined)).toBeUndefined();
  expect(zendeskLookup({}, 'the-token')).toBeUndefined();
});

test('the token never travels without TLS', () => {
  const plain = { ...environment, ZENDESK_ENDPOINT: 'http://acme.zendesk.com/api/v2' };

  expect(() => zendeskLookup(plain, 'the-token')).toThrow('zendesk.endpoint: must begin with https://');
});
