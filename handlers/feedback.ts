import { realSecret } from '../lib/platform/aws/secrets';
import { feedbackEnv } from '../lib/queues/feedback/config';
import { feedbackContract, mailLimit } from '../lib/queues/feedback/process';
import { realZendesk } from '../lib/queues/feedback/zendesk';
import { hashPeopleWith, publishedEvents } from './startup/engine';
import { senderOf, sendgridDeps } from './startup/sendgrid';
import { workerHandler } from './startup/worker';

export const handler = workerHandler({
  env: feedbackEnv,
  events: publishedEvents,
  contract: (config, deps) => {
    const hashPeople = hashPeopleWith(config.HASH_KEY);
    return feedbackContract({
      objects: deps.objects,
      hashPeople,
      mayConfirm: mailLimit({ ...deps, hashPeople }),
      zendesk: realZendesk({
        endpoint: config.ZENDESK_ENDPOINT,
        email: config.ZENDESK_EMAIL,
        token: realSecret(config.ZENDESK_TOKEN),
      }),
      ...sendgridDeps(config, deps),
      config: {
        prefix: config.PREFIX,
        tags: config.FEEDBACK_TAGS,
        from: senderOf(config),
        templateId: config.FEEDBACK_TEMPLATE_ID,
        templates: config.FEEDBACK_TEMPLATES,
        brand: config.BRAND_NAME,
        confirmationWaitMs: config.CONFIRMATION_WAIT * 1000,
      },
    });
  },
});
