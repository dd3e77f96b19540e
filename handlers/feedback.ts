import { feedbackEnv } from '../lib/config';
import { realFeedback } from '../lib/feedback/real';
import { workerHandler } from '../lib/worker/handler';

export const handler = workerHandler({ env: feedbackEnv, contract: realFeedback });
