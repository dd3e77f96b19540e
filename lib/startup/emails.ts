import { realSecret } from '../aws/secrets';
import type { EmailsConfig } from '../config/emails';
import { campaigns } from '../emails/campaigns/campaign';
import { emailsContract } from '../emails/process';
import { sharedRate } from '../limits/rate';
import type { Table } from '../ports';
import { realSendgrid } from '../vendors/sendgrid';
import type { QueueContract } from '../worker/contract';
import type { BatchDeps } from '../worker/deps';

/** The emails queue's contract with the real SendGrid behind it. */
export function realEmails(config: EmailsConfig, deps: BatchDeps & { table: Table }): QueueContract {
  return emailsContract({
    ...deps,
    campaigns: campaigns(deps),
    senderDomains: config.SENDER_DOMAINS,
    rate: sharedRate({ ...deps, rate: config.EMAIL_RATE }, 'sendgrid'),
    sendgrid: realSendgrid({
      endpoint: config.SENDGRID_ENDPOINT,
      apiKey: realSecret(config.SENDGRID_API_KEY),
      instance: config.INSTANCE,
    }),
  });
}
