import { feedbackEnv } from '../lib/config';
import { realFeedback } from '../lib/startup/feedback';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({ env: feedbackEnv, contract: realFeedback });
