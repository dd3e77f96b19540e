import { realSecret } from '../lib/aws/secrets';
import { testflightEnv } from '../lib/config/functions';
import { hashPeopleWith, publishedEvents } from '../lib/startup/engine';
import { senderOf, sendgridDeps } from '../lib/startup/sendgrid';
import { workerHandler } from '../lib/startup/worker';
import { testflightContract } from '../lib/testflight/process';
import { createSubjects } from '../lib/testflight/subjects';
import { realAppStoreConnect } from '../lib/vendors/app-store-connect';

export const handler = workerHandler({
  env: testflightEnv,
  events: publishedEvents,
  contract: (config, deps) => {
    const settleAfterMs = config.APP_STORE_CONNECT_SETTLE * 1000;
    return testflightContract({
      appStoreConnect: realAppStoreConnect({
        endpoint: config.APP_STORE_CONNECT_ENDPOINT,
        issuerId: config.APP_STORE_CONNECT_ISSUER_ID,
        keyId: config.APP_STORE_CONNECT_KEY_ID,
        privateKey: realSecret(config.APP_STORE_CONNECT_PRIVATE_KEY),
      }),
      ...sendgridDeps(config, deps),
      subjects: createSubjects({ ...deps, hashPeople: hashPeopleWith(config.HASH_KEY), settleAfterMs }),
      config: {
        apps: config.APPS,
        from: senderOf(config),
        templateId: config.TESTFLIGHT_TEMPLATE_ID,
        brand: config.BRAND_NAME,
        notificationWaitMs: config.NOTIFICATION_WAIT * 1000,
      },
    });
  },
});
