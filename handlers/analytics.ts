import { analyticsEnv } from '../lib/queues/analytics/config';
import { analyticsContract } from '../lib/queues/analytics/process';
import { workerHandler } from './startup/worker';

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
