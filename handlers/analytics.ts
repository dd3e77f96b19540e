import { analyticsEnv } from '../lib/config';
import { realAnalytics } from '../lib/startup/analytics';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({ env: analyticsEnv, contract: realAnalytics });
