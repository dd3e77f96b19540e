import { eventVerifier, type WebhookRequest } from '../../lib/queues/emails/events/verify';
import { type EventDeps, eventWebhook, type StoredEvent } from '../../lib/queues/emails/events/webhook';
import { type EventKeys, eventKeys, type SendgridEvent, signedHeaders } from '../../packages/local/fakes/sendgrid';
import type { Engine } from './engine';

export function webhookRequest(
  events: readonly SendgridEvent[],
  keys: Pick<EventKeys, 'privateKey'>,
  now: number,
): Required<WebhookRequest> & { body: string } {
  const requestContext = { http: { method: 'POST', path: '/' } };
  const body = JSON.stringify(events);
  return { body, headers: signedHeaders(body, keys, now), isBase64Encoded: false, requestContext };
}

const keys = eventKeys();

/** Posts events to the webhook as SendGrid does. Resolves to the answer's status. */
export async function postEvents(
  { deps, clock }: Engine,
  events: readonly unknown[],
  changes: Partial<EventDeps> = {},
): Promise<number> {
  const webhook = eventWebhook({ ...deps, ...changes, clock, verify: eventVerifier([keys.publicKey], clock.now) });
  return (await webhook(webhookRequest(events as SendgridEvent[], keys, clock.now()))).statusCode;
}

export const storedEvents = ({ objects }: Engine) =>
  objects.keys().flatMap((key) => {
    const lines = key.includes('/_events/') ? objects.text(key).trimEnd().split('\n') : [];
    return lines.map((line) => ({ key, event: JSON.parse(line) as StoredEvent }));
  });
