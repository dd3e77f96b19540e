import type { WebhookRequest } from '../../lib/emails/events/verify';
import { type EventKeys, type SendgridEvent, signedEvents } from '../../lib/local/fakes/sendgrid-events';

/** The request that Lambda makes of SendGrid's post to the webhook. */
export function webhookRequest(
  events: readonly SendgridEvent[],
  keys: Pick<EventKeys, 'privateKey'>,
  now: number,
): Required<WebhookRequest> & { body: string } {
  const requestContext = { http: { method: 'POST', path: '/' } };
  return { ...signedEvents(events, keys, now), isBase64Encoded: false, requestContext };
}
