import { analyticsContract } from '../lib/analytics/process';
import { analyticsEnv } from '../lib/config/functions';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({
  env: analyticsEnv,
  contract: ({ PREFIX, ANALYTICS_NO_ADDRESSES_FROM: from }, { objects, metrics }) =>
    analyticsContract({
      objects,
      metrics,
      prefix: PREFIX,
      noAddressesFrom: from === undefined ? undefined : Date.parse(from),
    }),
});
