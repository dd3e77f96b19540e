import { testflightEnv } from '../lib/config/testflight';
import { publishedEvents } from '../lib/startup/events';
import { realTestflight } from '../lib/startup/testflight';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({ env: testflightEnv, contract: realTestflight, events: publishedEvents });
