import * as z from 'zod';
import { commonEnv } from './common';
import { list, seconds, secret } from './values';
import { appStoreConnectEnv, brandName, sendgridEnv, templateId } from './vendors';

export const testflightEnv = z.object({
  ...commonEnv.shape,
  ...appStoreConnectEnv.shape,
  ...sendgridEnv.shape,
  /** The key of the hashes of people (lib/jobs/person-hash.ts). Without it, they have none. */
  HASH_KEY: secret,
  /** The apps that jobs may change, separated by commas: `APP` with all its groups, or `APP:GROUP`. Empty: any. */
  APPS: list.pipe(
    z.array(
      z
        .string()
        .regex(/^\d{1,20}(:[0-9a-f-]{36})?$/, "must be Apple's ids, APP or APP:GROUP, separated by commas")
        .transform((entry) => {
          const [app = '', group] = entry.split(':');
          return { app, group };
        }),
    ),
  ),
  /** SendGrid's dynamic template of the notification. Without it the built-in text is sent. */
  TESTFLIGHT_TEMPLATE_ID: templateId.optional(),
  /** The sender's name in the built-in notification. */
  BRAND_NAME: brandName,
  /** Seconds that the job waits for SendGrid before it ends without the notification. */
  NOTIFICATION_WAIT: seconds.default(900),
});

export type TestflightConfig = z.infer<typeof testflightEnv>;
