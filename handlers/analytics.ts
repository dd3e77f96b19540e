import { realAnalytics } from '../lib/analytics/real';
import { analyticsEnv } from '../lib/config';
import { workerHandler } from '../lib/worker/handler';

export const handler = workerHandler({ env: analyticsEnv, contract: realAnalytics });
