import * as z from 'zod';
import { mailWait, NEEDED_TO_MAIL, ownMailEnv } from '../../mail/config';
import { commonEnv, list, pairs, secret } from '../../platform/config/functions';
import { secretSetting, section, text } from '../../platform/config/settings';
import { templateId } from '../../platform/text';
import { FEEDBACK_FACTS } from './queue';

export const feedbackEnv = commonEnv.extend({
  /** `https://{subdomain}.zendesk.com/api/v2`, or the address of a fake. */
  ZENDESK_ENDPOINT: z.url(),
  ZENDESK_EMAIL: z.email(),
  ZENDESK_TOKEN: secret,
  ...ownMailEnv,
  FEEDBACK_TEMPLATE_ID: templateId.optional(),
  /** Templates for other languages, `de=d-…,pt-BR=d-…`. Any other one gets that above. The tags get lower case. */
  FEEDBACK_TEMPLATES: pairs
    .pipe(z.array(z.tuple([z.string(), templateId])))
    .transform((templates) => new Map(templates.map(([tag, template]) => [tag.toLowerCase(), template]))),
  FEEDBACK_TAGS: list,
  /** Seconds that the job waits for SendGrid before it ends without the confirmation. */
  CONFIRMATION_WAIT: mailWait,
});

export const FEEDBACK = {
  ...FEEDBACK_FACTS,
  env: feedbackEnv,
  settings: {
    zendesk: section({
      endpoint: z
        .url({ abort: true })
        .refine((url) => url.endsWith('/api/v2'), 'must end with /api/v2')
        .describe('https://{subdomain}.zendesk.com/api/v2'),
      email: z.email().describe('The agent to whom the token belongs'),
      token: secretSetting('The API token of the agent'),
      tags: z.array(text).describe('Tags of every ticket'),
    }),
  },
  needs: ['zendesk.endpoint', 'zendesk.email', 'zendesk.token', ...NEEDED_TO_MAIL],
  secrets: ['zendesk.token'],
};
