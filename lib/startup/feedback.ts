import { realSecret } from '../aws/secrets';
import type { FeedbackConfig } from '../config/feedback';
import { mailLimit } from '../feedback/mail-limit';
import { feedbackContract } from '../feedback/process';
import type { Table } from '../ports';
import { realZendesk } from '../vendors/zendesk';
import type { QueueContract } from '../worker/contract';
import type { BatchDeps } from '../worker/deps';
import { hashPeopleWith } from './hash-people';
import { sendgridDeps } from './sendgrid';

/** The feedback queue's contract with the real vendors. */
export function realFeedback(config: FeedbackConfig, deps: BatchDeps & { table: Table }): QueueContract {
  return feedbackContract({
    objects: deps.objects,
    mayConfirm: mailLimit({ ...deps, hashPeople: hashPeopleWith(config.HASH_KEY) }),
    zendesk: realZendesk({
      endpoint: config.ZENDESK_ENDPOINT,
      email: config.ZENDESK_EMAIL,
      token: realSecret(config.ZENDESK_TOKEN),
    }),
    ...sendgridDeps(config, deps),
    config: {
      prefix: config.PREFIX,
      tags: config.FEEDBACK_TAGS,
      from: {
        email: config.SENDGRID_FROM_EMAIL,
        ...(config.SENDGRID_FROM_NAME === undefined ? {} : { name: config.SENDGRID_FROM_NAME }),
      },
      templateId: config.FEEDBACK_TEMPLATE_ID,
      templates: config.FEEDBACK_TEMPLATES,
      brand: config.BRAND_NAME,
      confirmationWaitMs: config.CONFIRMATION_WAIT * 1000,
    },
  });
}
