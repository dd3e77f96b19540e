import * as z from 'zod';
import { list, seconds, secret } from './values';

export const zendeskEnv = z.object({
  /** `https://{subdomain}.zendesk.com/api/v2`, or the address of a fake. */
  ZENDESK_ENDPOINT: z.url(),
  ZENDESK_EMAIL: z.email(),
  ZENDESK_TOKEN: secret,
});

export const sendgridEnv = z.object({
  SENDGRID_ENDPOINT: z.url().default('https://api.sendgrid.com'),
  SENDGRID_API_KEY: secret,
  SENDGRID_FROM_EMAIL: z.email(),
  SENDGRID_FROM_NAME: z.string().max(100).optional(),
  /** Recipients per second for all workers together. It is the account's limit, which SendGrid does not publish. */
  EMAIL_RATE: z.coerce.number().positive().max(10_000).default(100),
});

export const appStoreConnectEnv = z.object({
  APP_STORE_CONNECT_ENDPOINT: z.url().default('https://api.appstoreconnect.apple.com'),
  APP_STORE_CONNECT_ISSUER_ID: z.guid('must be a UUID'),
  APP_STORE_CONNECT_KEY_ID: z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 capital letters or digits'),
  /** A key in PKCS #8 PEM. */
  APP_STORE_CONNECT_PRIVATE_KEY: secret,
  /** Seconds until Apple shows the effect of a call whose answer was lost. */
  APP_STORE_CONNECT_SETTLE: seconds.default(30),
});

export const templateId = z.string().regex(/^d-[0-9a-f]{32}$/, 'must be a dynamic template id (d-…)');

/** `de=d-…,pt-BR=d-…`: a template of SendGrid for each language. The tags get lower case. */
export const templates = list
  .refine(
    (entries) => entries.every((entry) => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*=d-[0-9a-f]{32}$/.test(entry)),
    'must be language tags with dynamic template ids, e.g. de=d-…,pt-BR=d-…',
  )
  .transform((entries) => new Map(entries.map((entry) => entry.split('=') as [string, string]).map(lowerTag)));

const lowerTag = ([tag, template]: [string, string]): [string, string] => [tag.toLowerCase(), template];

export const brandName = z.string().max(100).default('our team');
