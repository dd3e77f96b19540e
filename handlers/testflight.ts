import { testflightEnv } from '../lib/config';
import { realTestflight } from '../lib/testflight/real';
import { workerHandler } from '../lib/worker/handler';

export const handler = workerHandler({ env: testflightEnv, contract: realTestflight });
