import type { LambdaFunctionURLResult } from 'aws-lambda';
import { suppressionList } from '../lib/mail/suppression';
import { parseEnv } from '../lib/platform/config/common';
import { emailEventsEnv } from '../lib/queues/emails/config';
import { eventVerifier, type WebhookRequest } from '../lib/queues/emails/events/verify';
import { eventWebhook } from '../lib/queues/emails/events/webhook';
import { MAIL_STEPS } from '../lib/queues/queues';
import { coldStart, hashPeopleWith, realDeps } from './startup/engine';

const started = coldStart(() => {
  const config = parseEnv(emailEventsEnv, process.env);
  const deps = realDeps(config);
  const verify = eventVerifier(config.SENDGRID_EVENTS_KEY, () => deps.clock.now());
  const hashPeople = config.SUPPRESSION_KEY && hashPeopleWith(config.SUPPRESSION_KEY);
  const suppression = hashPeople && suppressionList({ ...deps, hashPeople });
  return {
    deps,
    webhook: eventWebhook({ ...deps, instance: config.INSTANCE, mailSteps: MAIL_STEPS, verify, suppression }),
  };
});

/** Answers a request to the webhook's URL. SendGrid repeats the events after a 5xx, which Lambda answers for a throw. */
export async function handler(request: WebhookRequest): Promise<LambdaFunctionURLResult> {
  const { deps, webhook } = started();
  const answer = await webhook(request);
  await deps.metrics.flush();
  return answer;
}
