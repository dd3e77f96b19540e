import { realSecret } from '../lib/aws/secrets';
import { feedbackEnv } from '../lib/config/functions';
import { feedbackContract, mailLimit } from '../lib/feedback/process';
import { hashPeopleWith, publishedEvents } from '../lib/startup/engine';
import { senderOf, sendgridDeps } from '../lib/startup/sendgrid';
import { workerHandler } from '../lib/startup/worker';
import { realZendesk } from '../lib/vendors/zendesk';

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
