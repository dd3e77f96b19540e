import { emailsEnv } from '../lib/config';
import { realEmails } from '../lib/emails/real';
import { workerHandler } from '../lib/worker/handler';

export const handler = workerHandler({ env: emailsEnv, contract: realEmails });
