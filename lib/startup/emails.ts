import type { EmailsConfig } from '../config/emails';
import { campaigns } from '../emails/campaigns/campaign';
import { emailsContract } from '../emails/process';
import type { Table } from '../ports';
import type { QueueContract } from '../worker/contract';
import type { BatchDeps } from '../worker/deps';
import { sendgridDeps } from './sendgrid';

/** The emails queue's contract with the real SendGrid behind it. */
export function realEmails(config: EmailsConfig, deps: BatchDeps & { table: Table }): QueueContract {
  return emailsContract({
    ...deps,
    campaigns: campaigns(deps),
    senderDomains: config.SENDER_DOMAINS,
    ...sendgridDeps(config, deps),
  });
}
