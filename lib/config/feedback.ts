import * as z from 'zod';
import { commonEnv } from './common';
import { list, seconds, secret } from './values';
import { brandName, sendgridEnv, templateId, templates, zendeskEnv } from './vendors';

export const feedbackEnv = z.object({
  ...commonEnv.shape,
  ...zendeskEnv.shape,
  ...sendgridEnv.shape,
  /** The key of the hashes of people (lib/jobs/person-hash.ts). Without it, they have none. */
  HASH_KEY: secret,
  /** SendGrid's dynamic template of the confirmation. Without it the built-in text is sent. */
  FEEDBACK_TEMPLATE_ID: templateId.optional(),
  /** The confirmation's templates for other languages. A user whose language has none gets the one above. */
  FEEDBACK_TEMPLATES: templates,
  /** Tags for every ticket, separated by commas. */
  FEEDBACK_TAGS: list,
  /** The name in the built-in confirmation. */
  BRAND_NAME: brandName,
  /** Seconds that the job waits for SendGrid before it ends without the confirmation. */
  CONFIRMATION_WAIT: seconds.default(900),
});

export type FeedbackConfig = z.infer<typeof feedbackEnv>;
