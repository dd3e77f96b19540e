import { suppressionList } from '../lib/mail/suppression';
import { campaigns } from '../lib/queues/emails/campaigns/campaign';
import { emailsEnv } from '../lib/queues/emails/config';
import { emailsContract } from '../lib/queues/emails/process';
import { hashPeopleWith, publishedEvents } from './startup/engine';
import { sendgridDeps } from './startup/sendgrid';
import { workerHandler } from './startup/worker';

export const handler = workerHandler({
  env: emailsEnv,
  events: publishedEvents,
  contract: (config, deps) =>
    emailsContract({
      ...deps,
      campaigns: campaigns(deps),
      suppression: suppressionList({ ...deps, hashPeople: hashPeopleWith(config.SUPPRESSION_KEY) }),
      senderDomains: config.SENDER_DOMAINS,
      ...sendgridDeps(config, deps),
    }),
});
