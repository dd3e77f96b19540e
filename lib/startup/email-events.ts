import type { LambdaFunctionURLResult } from 'aws-lambda';
import { emailEventsEnv, parseEnv } from '../config';
import { eventVerifier } from '../emails/events/verify';
import { handleEvents, type WebhookDeps, type WebhookRequest } from '../emails/events/webhook';
import { coldStart } from './cold-start';
import { realDeps } from './engine';

/** The Lambda handler behind the webhook's URL. SendGrid repeats the events after a 503. */
export function emailEventsHandler(): (request: WebhookRequest) => Promise<LambdaFunctionURLResult> {
  const started = coldStart(start);
  return async (request) => {
    let deps: WebhookDeps;
    try {
      deps = started();
    } catch {
      return { statusCode: 503 };
    }
    const answer = await handleEvents(deps, request);
    deps.metrics.flush();
    return answer;
  };
}

function start(): WebhookDeps {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  return {
    ...deps,
    instance: config.INSTANCE,
    verify: eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now()),
  };
}
