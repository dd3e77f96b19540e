import { EventWebhook } from '@sendgrid/eventwebhook';

/** A request to the webhook, as it arrived. */
export interface SignedRequest {
  body: Buffer;
  signature: string | undefined;
  timestamp: string | undefined;
}

/** SendGrid posts up to 1000 events at a time, which is far below this. */
export const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** A signature does not prove when a request was sent. An old one is a replay: SendGrid signs each try again. */
const MAX_AGE_MS = 10 * 60_000;

export const SIGNATURE_HEADER = 'x-twilio-email-event-webhook-signature';
export const TIMESTAMP_HEADER = 'x-twilio-email-event-webhook-timestamp';

/**
 * Checks requests against SendGrid's public key (base64, as its settings show it). The URL is public, so nothing of a
 * request is read before. Throws if the key is invalid.
 */
export function eventVerifier(publicKey: string, now: () => number): (request: SignedRequest) => 200 | 403 | 413 {
  const webhook = new EventWebhook();
  const key = webhook.convertPublicKeyToECDSA(publicKey);
  return ({ body, signature, timestamp }) => {
    if (body.byteLength > MAX_BODY_BYTES) return 413;
    if (!signature || !timestamp || !/^\d{1,12}$/.test(timestamp)) return 403;
    if (Math.abs(now() - Number(timestamp) * 1000) > MAX_AGE_MS) return 403;
    try {
      return webhook.verifySignature(key, body, signature, timestamp) ? 200 : 403;
    } catch {
      // The text is not even a signature.
      return 403;
    }
  };
}
