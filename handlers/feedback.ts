import { feedbackEnv } from '../lib/config/feedback';
import { publishedEvents } from '../lib/startup/events';
import { realFeedback } from '../lib/startup/feedback';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({ env: feedbackEnv, contract: realFeedback, events: publishedEvents });
