import type { Context, LambdaFunctionURLResult } from 'aws-lambda';
import { emailEventsEnv } from '../config/emails';
import { parseEnv } from '../config/environment';
import { eventVerifier, type WebhookRequest } from '../emails/events/verify';
import { eventWebhook } from '../emails/events/webhook';
import { coldStart } from './cold-start';
import { realDeps } from './engine';
import { noteDuration } from './metrics';

/** The Lambda handler behind the webhook's URL. SendGrid repeats the events after a 503. */
export function emailEventsHandler(): (
  request: WebhookRequest,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<LambdaFunctionURLResult> {
  const started = coldStart(start);
  return async (request, context) => {
    let ready: ReturnType<typeof start>;
    try {
      ready = started();
    } catch {
      return { statusCode: 503 };
    }
    const { config, deps, webhook } = ready;
    const timeoutMs = context.getRemainingTimeInMillis();
    const begunAt = deps.clock.now();
    const answer = await webhook(request);
    await deps.metrics.flush();
    await noteDuration(deps, config, { begunAt, timeoutMs });
    return answer;
  };
}

function start() {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  const verify = eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now());
  return { config, deps, webhook: eventWebhook({ ...deps, instance: config.INSTANCE, verify }) };
}
