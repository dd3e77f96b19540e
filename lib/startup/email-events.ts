import type { LambdaFunctionURLResult } from 'aws-lambda';
import { ConfigError, emailEventsEnv, parseEnv } from '../config';
import { eventVerifier } from '../emails/events/verify';
import { handleEvents, type WebhookDeps, type WebhookRequest } from '../emails/events/webhook';
import { realLog } from '../log';
import { realDeps } from './engine';

/** The Lambda handler behind the webhook's URL. */
export function emailEventsHandler(): (request: WebhookRequest) => Promise<LambdaFunctionURLResult> {
  let ready: WebhookDeps | undefined;
  return async (request) => {
    try {
      ready ??= start();
    } catch (error) {
      const log = realLog({ service: process.env.INSTANCE ?? 'unconfigured', level: 'INFO' });
      log.error(error instanceof ConfigError ? error.message : 'the function could not start', {
        code: 'NotConfigured',
      });
      return { statusCode: 503 };
    }
    const answer = await handleEvents(ready, request);
    ready.metrics.flush();
    return answer;
  };
}

function start(): WebhookDeps {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  return { ...deps, verify: eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now()) };
}
