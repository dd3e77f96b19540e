import { emailsEnv } from '../lib/config/emails';
import { realEmails } from '../lib/startup/emails';
import { publishedEvents } from '../lib/startup/events';
import { workerHandler } from '../lib/startup/worker';

export const handler = workerHandler({ env: emailsEnv, contract: realEmails, events: publishedEvents });
