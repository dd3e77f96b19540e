import type { LambdaFunctionURLResult } from 'aws-lambda';
import { parseEnv } from '../lib/config/common';
import { emailEventsEnv } from '../lib/config/functions';
import { eventVerifier, type WebhookRequest } from '../lib/emails/events/verify';
import { eventWebhook } from '../lib/emails/events/webhook';
import { suppressionList } from '../lib/emails/suppression';
import { coldStart, hashPeopleWith, realDeps } from '../lib/startup/engine';

const started = coldStart(() => {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  const verify = eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now());
  const hashPeople = config.SUPPRESSION_KEY && hashPeopleWith(config.SUPPRESSION_KEY);
  const suppression = hashPeople && suppressionList({ ...deps, hashPeople });
  return { deps, webhook: eventWebhook({ ...deps, instance: config.INSTANCE, verify, suppression }) };
});

/** Answers a request to the webhook's URL. SendGrid repeats the events after a 5xx, which Lambda answers for a throw. */
export async function handler(request: WebhookRequest): Promise<LambdaFunctionURLResult> {
  const { deps, webhook } = started();
  const answer = await webhook(request);
  await deps.metrics.flush();
  return answer;
}
