import * as z from 'zod';
import { secret } from '../platform/config/functions';

/** The variables of functions that send mail. */
export const sendgridEnv = {
  SENDGRID_ENDPOINT: z.url().default('https://api.sendgrid.com'),
  SENDGRID_API_KEY: secret,
  /** Recipients per second for all workers together. It is the account's limit, which SendGrid does not publish. */
  EMAIL_RATE: z.coerce.number().positive().max(10_000).default(100),
};

/** Of those that send mails of their own. */
export const ownMailEnv = {
  ...sendgridEnv,
  SENDGRID_FROM_EMAIL: z.email(),
  SENDGRID_FROM_NAME: z.string().max(100).optional(),
  BRAND_NAME: z.string().max(100).default('our team'),
  HASH_KEY: secret,
};

/** The settings that a function needs to send mails of its own. */
export const NEEDED_TO_MAIL = ['sendgrid.apiKey', 'sender.email', 'hashKey'];

/** Seconds that a job may wait for SendGrid before it ends without its mail. */
export const mailWait = z.coerce.number().min(0).max(86_400).default(86_400);
