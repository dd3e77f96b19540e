import type { LambdaFunctionURLResult } from 'aws-lambda';
import { emailEventsEnv } from '../config/emails';
import { parseEnv } from '../config/environment';
import { eventVerifier, type WebhookRequest } from '../emails/events/verify';
import { eventWebhook } from '../emails/events/webhook';
import { coldStart } from './cold-start';
import { realDeps } from './engine';

/** The Lambda handler behind the webhook's URL. SendGrid repeats the events after a 503. */
export function emailEventsHandler(): (request: WebhookRequest) => Promise<LambdaFunctionURLResult> {
  const started = coldStart(start);
  return async (request) => {
    let ready: ReturnType<typeof start>;
    try {
      ready = started();
    } catch {
      return { statusCode: 503 };
    }
    const { deps, webhook } = ready;
    const answer = await webhook(request);
    await deps.metrics.flush();
    return answer;
  };
}

function start() {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  const verify = eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now());
  return { deps, webhook: eventWebhook({ ...deps, instance: config.INSTANCE, verify }) };
}
