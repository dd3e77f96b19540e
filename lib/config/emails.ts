import * as z from 'zod';
import { commonEnv } from './common';
import { list } from './values';
import { sendgridEnv } from './vendors';

export const emailsEnv = z.object({
  ...commonEnv.shape,
  /** The domains that mails may come from, separated by commas. Empty: any that SendGrid accepts. */
  SENDER_DOMAINS: list.pipe(
    z.array(
      z
        .string()
        .regex(
          /^[a-z0-9-]+(\.[a-z0-9-]+)+$/,
          'must be domains in lowercase, separated by commas, e.g. acme.example.com',
        ),
    ),
  ),
  ...sendgridEnv.pick({ SENDGRID_ENDPOINT: true, SENDGRID_API_KEY: true, EMAIL_RATE: true }).shape,
});

export type EmailsConfig = z.infer<typeof emailsEnv>;

/** The public keys of SendGrid's signed event webhook, from SendGrid's settings: one, or two during a change. */
export const eventsKeys = z
  .string()
  .regex(
    /^[A-Za-z0-9+/]{80,200}={0,2}(,[A-Za-z0-9+/]{80,200}={0,2})?$/,
    "must be the webhook's verification key in base64, or two separated by a comma",
  );

export const emailEventsEnv = z.object({
  ...commonEnv.shape,
  SENDGRID_EVENTS_KEY: eventsKeys.transform((text) => text.split(',')),
});
