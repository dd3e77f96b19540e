import { analyticsEnv } from '../lib/config/analytics';
import { realAnalytics } from '../lib/startup/analytics';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({ env: analyticsEnv, contract: realAnalytics });
