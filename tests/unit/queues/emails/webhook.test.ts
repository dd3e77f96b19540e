import { eventsKeys } from '../../../../lib/queues/emails/config';
import {
  eventVerifier,
  MAX_BODY_BYTES,
  SIGNATURE_HEADER,
  TIMESTAMP_HEADER,
  type WebhookRequest,
} from '../../../../lib/queues/emails/events/verify';
import { eventWebhook } from '../../../../lib/queues/emails/events/webhook';
import { eventKeys, type SendgridEvent } from '../../../../packages/local/fakes/sendgrid';
import { memoryClock } from '../../../support/memory-clock';
import { sampleEngine } from '../../../support/sample-contract';
import { webhookRequest } from '../../../support/webhook-request';

const keys = eventKeys();
const next = eventKeys();
const EVENTS = [{ email: 'user@example.com', event: 'delivered', timestamp: 1 }] as unknown as SendgridEvent[];

function started(publicKeys = [keys.publicKey]) {
  const { deps, clock, lines } = sampleEngine().engine;
  const verify = eventVerifier(publicKeys, clock.now);
  const webhook = eventWebhook({ ...deps, clock, verify });
  const signed = ({ by = keys, ahead = 0 } = {}) => webhookRequest(EVENTS, by, clock.now() + ahead);
  return { clock, webhook, signed, lines };
}

const sent = webhookRequest(EVENTS, keys, memoryClock().now());
const { [SIGNATURE_HEADER]: signature = '', [TIMESTAMP_HEADER]: timestamp = '' } = sent.headers;
const flipped = `${signature.slice(0, -10)}${signature.at(-10) === 'A' ? 'B' : 'A'}${signature.slice(-9)}`;
const signedBy = (value: string) => ({ headers: { ...sent.headers, [SIGNATURE_HEADER]: value } });
const at = (value: string) => ({ headers: { ...sent.headers, [TIMESTAMP_HEADER]: value } });

test.each<[string, WebhookRequest, number]>([
  ['another method', { requestContext: { http: { method: 'GET', path: '/' } } }, 405],
  ['another path', { requestContext: { http: { method: 'POST', path: '/admin' } } }, 404],
  ['no method and no path', { requestContext: {} }, 405],
  ['another body', { body: `${sent.body} ` }, 403],
  ['the same events in other bytes', { body: JSON.stringify(EVENTS, null, 1) }, 403],
  ['no headers', { headers: {} }, 403],
  ['a signature that is too short', signedBy('AAAA'), 403],
  ['a signature of zeros', signedBy('MAYCAQACAQA='), 403],
  ['two signatures', signedBy(`${flipped},${flipped}`), 403],
  ['another signature', signedBy(flipped), 403],
  ['a timestamp in another notation', at(`${timestamp}\n`), 403],
  ['another timestamp', at(String(Number(timestamp) + 1)), 403],
  ['too much text', { body: 'x'.repeat(MAX_BODY_BYTES + 1) }, 413],
  ['too many bytes in few characters', { body: '€'.repeat(MAX_BODY_BYTES / 2) }, 413],
  ['too much base64', { isBase64Encoded: true, body: 'A'.repeat(MAX_BODY_BYTES * 2) }, 413],
])('the webhook refuses %s with a status and no log line', async (_, changes, statusCode) => {
  const { webhook, lines } = started();

  expect(await webhook({ ...sent, ...changes })).toEqual({ statusCode });
  expect(lines).toEqual([]);
});

test('the webhook refuses a request that is ten minutes old, or a minute ahead of our clock', async () => {
  const { clock, webhook, signed } = started();
  const sent = signed();

  expect(await webhook(signed({ ahead: 61_000 }))).toEqual({ statusCode: 403 });
  expect(await webhook(signed({ ahead: 59_000 }))).toEqual({ statusCode: 204 });
  clock.advance(599_000);
  expect(await webhook(sent)).toEqual({ statusCode: 204 });
  clock.advance(2_000);
  expect(await webhook(sent)).toEqual({ statusCode: 403 });
});

test('a base64 body is decoded to the raw body, and one that is not a list is a bad request', async () => {
  const { clock, webhook, signed } = started();
  const { body, ...sent } = signed();

  const base64 = { ...sent, body: Buffer.from(body).toString('base64'), isBase64Encoded: true };
  expect(await webhook(base64)).toEqual({ statusCode: 204 });
  expect(await webhook(webhookRequest({} as SendgridEvent[], keys, clock.now()))).toEqual({ statusCode: 400 });
});

test('during a change of the key, both keys are accepted, and no third one', async () => {
  const { webhook, signed } = started([keys.publicKey, next.publicKey]);

  const answers = await Promise.all([keys, next, eventKeys()].map((by) => webhook(signed({ by }))));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([204, 204, 403]);
});

test.each([
  ['no key', ''],
  ['three keys', [keys, next, keys].map(({ publicKey }) => publicKey).join(',')],
  ['something else', 'ssm:/example/key'],
])('the configuration refuses %s', (_, value) => {
  expect(eventsKeys.safeParse(value).success).toBe(false);
});

test('a key that is no public key of the curve is refused without showing it', () => {
  expect(() => eventVerifier(['A'.repeat(124)], () => 0)).toThrow(
    /^configuration: SENDGRID_EVENTS_KEY: must be public keys of the curve P-256$/,
  );
});
