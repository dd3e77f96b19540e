import { createPublicKey, createVerify, type KeyObject } from 'node:crypto';
import type { LambdaFunctionURLEvent } from 'aws-lambda';
import { ConfigError } from '../../../platform/config/common';

/** A request to the webhook as Lambda gives it to us, unproven and perhaps incomplete. */
export type WebhookRequest = Partial<Pick<LambdaFunctionURLEvent, 'body' | 'isBase64Encoded' | 'headers'>> & {
  requestContext?: { http?: { method?: string; path?: string } };
};

export type Verdict = { body: Buffer } | { status: 403 | 404 | 405 | 413 };

/** Far above the 1000 events that SendGrid posts at a time. */
export const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** A signature does not prove when a request was sent. An old one is a replay: SendGrid signs each try again. */
const MAX_AGE_MS = 10 * 60_000;
const MAX_AHEAD_MS = 60_000;

export const SIGNATURE_HEADER = 'x-twilio-email-event-webhook-signature';
export const TIMESTAMP_HEADER = 'x-twilio-email-event-webhook-timestamp';

/**
 * Checks requests against SendGrid's public keys (base64, as its settings show them). One match is enough, so that a key
 * can be replaced. Nothing of a body is read before its signature. Throws a ConfigError if a key is invalid.
 */
export function eventVerifier(publicKeys: readonly string[], now: () => number): (request: WebhookRequest) => Verdict {
  const keys = publicKeys.map(publicKey);
  return ({ requestContext, headers = {}, body: text = '', isBase64Encoded: base64 = false }) => {
    const { method, path } = requestContext?.http ?? {};
    if (method !== 'POST') return { status: 405 };
    if (path !== '/') return { status: 404 };
    const body = Buffer.from(text, base64 ? 'base64' : 'utf8');
    if (body.byteLength > MAX_BODY_BYTES) return { status: 413 };
    const signature = headers[SIGNATURE_HEADER] ?? '';
    const timestamp = headers[TIMESTAMP_HEADER] ?? '';
    const age = now() - Number(timestamp) * 1000;
    if (Number.isNaN(age) || age > MAX_AGE_MS || age < -MAX_AHEAD_MS) return { status: 403 };
    // ECDSA over the timestamp and the raw body: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events
    const hasSigned = (key: KeyObject) =>
      createVerify('sha256').update(timestamp).update(body).verify(key, signature, 'base64');
    return keys.some(hasSigned) ? { body } : { status: 403 };
  };
}

function publicKey(base64: string): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
    if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // The error below says it, without the value.
  }
  throw new ConfigError('configuration: SENDGRID_EVENTS_KEY: must be public keys of the curve P-256');
}
