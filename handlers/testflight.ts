import { realSecret } from '../lib/platform/aws/secrets';
import { realAppStoreConnect } from '../lib/queues/testflight/app-store-connect';
import { createCommands } from '../lib/queues/testflight/commands';
import { testflightEnv } from '../lib/queues/testflight/config';
import { testflightContract } from '../lib/queues/testflight/process';
import { hashPeopleWith, publishedEvents } from './startup/engine';
import { senderOf, sendgridDeps } from './startup/sendgrid';
import { workerHandler } from './startup/worker';

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
      commands: createCommands({ ...deps, hashPeople: hashPeopleWith(config.HASH_KEY), settleAfterMs }),
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
