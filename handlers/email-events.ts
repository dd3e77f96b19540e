import type { LambdaFunctionURLResult } from 'aws-lambda';
import { parseEnv } from '../lib/config/common';
import { emailEventsEnv } from '../lib/config/functions';
import { eventVerifier, type WebhookRequest } from '../lib/emails/events/verify';
import { eventWebhook } from '../lib/emails/events/webhook';
import { coldStart, realDeps } from '../lib/startup/engine';

const started = coldStart(() => {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  const verify = eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now());
  return { deps, webhook: eventWebhook({ ...deps, instance: config.INSTANCE, verify }) };
});

/** Answers a request to the webhook's URL. SendGrid repeats the events after a 503. */
export async function handler(request: WebhookRequest): Promise<LambdaFunctionURLResult> {
  let ready: ReturnType<typeof started>;
  try {
    ready = started();
  } catch {
    return { statusCode: 503 };
  }
  const answer = await ready.webhook(request);
  await ready.deps.metrics.flush();
  return answer;
}
