import * as z from 'zod';
import { mailWait, NEEDED_TO_MAIL, ownMailEnv } from '../../mail/config';
import { commonEnv, list, seconds, secret } from '../../platform/config/functions';
import { secretSetting, section, seconds as wholeSeconds } from '../../platform/config/settings';
import { templateId } from '../../platform/text';
import { TESTFLIGHT_FACTS } from './queue';

export const app = z.string().regex(/^\d{1,20}(:[0-9a-f-]{36})?$/, "must be Apple's ids in quotes, APP or APP:GROUP");

export const testflightEnv = commonEnv.extend({
  APP_STORE_CONNECT_ENDPOINT: z.url().default('https://api.appstoreconnect.apple.com'),
  APP_STORE_CONNECT_ISSUER_ID: z.guid('must be a UUID'),
  APP_STORE_CONNECT_KEY_ID: z.string().regex(/^[A-Z0-9]{10}$/, 'must be 10 capital letters or digits'),
  /** A key in PKCS #8 PEM. */
  APP_STORE_CONNECT_PRIVATE_KEY: secret,
  /** Seconds until Apple shows the effect of a call whose answer was lost. */
  APP_STORE_CONNECT_SETTLE: seconds.default(30),
  /** The apps that jobs may change, separated by commas: `APP` with all its groups, or `APP:GROUP`. Empty: any. */
  APPS: list.pipe(z.array(app)).transform((entries) =>
    entries.map((entry) => {
      const [id = '', group] = entry.split(':');
      return { app: id, group };
    }),
  ),
  ...ownMailEnv,
  TESTFLIGHT_TEMPLATE_ID: templateId.optional(),
  /** Seconds that the job waits for SendGrid before it ends without the notification. */
  NOTIFICATION_WAIT: mailWait,
});

export const TESTFLIGHT = {
  ...TESTFLIGHT_FACTS,
  env: testflightEnv,
  settings: {
    appStoreConnect: section({
      endpoint: z.url().describe('The API of App Store Connect'),
      issuerId: testflightEnv.shape.APP_STORE_CONNECT_ISSUER_ID.describe('The issuer id of the team key'),
      keyId: testflightEnv.shape.APP_STORE_CONNECT_KEY_ID.describe('The id of the team key'),
      privateKey: secretSetting('The text of the .p8 file of the team key'),
      apps: z
        .array(app)
        .describe('The apps that jobs may change: APP with all its groups, or APP:GROUP. Without it, any'),
      settle: wholeSeconds.describe('Until Apple shows the effect of a call whose answer was lost'),
    }),
  },
  needs: ['appStoreConnect.issuerId', 'appStoreConnect.keyId', 'appStoreConnect.privateKey', ...NEEDED_TO_MAIL],
  secrets: ['appStoreConnect.privateKey'],
};
