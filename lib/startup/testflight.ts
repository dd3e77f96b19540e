import { realSecret } from '../aws/secrets';
import type { TestflightConfig } from '../config/testflight';
import type { ItemDeps } from '../jobs/ledger';
import { testflightContract } from '../testflight/process';
import { createSubjects } from '../testflight/subjects';
import { realAppStoreConnect } from '../vendors/app-store-connect';
import type { QueueContract } from '../worker/contract';
import { hashPeopleWith } from './hash-people';
import { sendgridDeps } from './sendgrid';

/** The testflight queue's contract with the real vendors. */
export function realTestflight(config: TestflightConfig, deps: ItemDeps): QueueContract {
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
      from: {
        email: config.SENDGRID_FROM_EMAIL,
        ...(config.SENDGRID_FROM_NAME === undefined ? {} : { name: config.SENDGRID_FROM_NAME }),
      },
      templateId: config.TESTFLIGHT_TEMPLATE_ID,
      brand: config.BRAND_NAME,
      notificationWaitMs: config.NOTIFICATION_WAIT * 1000,
      settleAfterMs,
    },
  });
}
