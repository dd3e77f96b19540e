import { emailsEnv } from '../lib/config/functions';
import { campaigns } from '../lib/emails/campaigns/campaign';
import { emailsContract } from '../lib/emails/process';
import { suppressionList } from '../lib/emails/suppression';
import { hashPeopleWith, publishedEvents } from '../lib/startup/engine';
import { sendgridDeps } from '../lib/startup/sendgrid';
import { workerHandler } from '../lib/startup/worker';

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
