import * as z from 'zod';
import { sendgridEnv } from '../../mail/config';
import { commonEnv, list, seconds, secret } from '../../platform/config/functions';
import { EMAILS_FACTS } from './queue';

export const domain = z
  .string()
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'must be a domain in lowercase such as example.com');

export const emailsEnv = commonEnv.extend({
  ...sendgridEnv,
  /** The key of the hashes in the suppression list, which never changes. */
  SUPPRESSION_KEY: secret,
  /** The domains that mails may come from, separated by commas. Empty: any that SendGrid accepts. */
  SENDER_DOMAINS: list.pipe(z.array(domain)),
});

/** The public keys of SendGrid's signed event webhook, from SendGrid's settings: one, or two during a change. */
export const eventsKeys = z
  .string()
  .regex(
    /^[A-Za-z0-9+/]{80,200}={0,2}(,[A-Za-z0-9+/]{80,200}={0,2})?$/,
    "must be the webhook's verification key in base64, or two separated by a comma",
  );

export const emailEventsEnv = commonEnv.extend({
  SENDGRID_EVENTS_KEY: eventsKeys.transform((text) => text.split(',')),
  /** Without the queue emails, there is no suppression list. */
  SUPPRESSION_KEY: secret.optional(),
});

const percent = z.number().min(0.01).max(100);

/** From which percentages on a campaign pauses (campaigns/campaign.ts). */
export const guardSettings = z.strictObject({
  ...{ bounces: percent, reports: percent, refused: percent },
  ...{ first: z.int().positive().default(500), wait: seconds.default(600) },
});

export const EMAILS = {
  ...EMAILS_FACTS,
  env: emailsEnv,
  others: { emailEvents: emailEventsEnv },
  needs: ['sendgrid.apiKey', 'sendgrid.suppressionKey'],
};
