import { MAIL_STEPS, mailArgs } from '../jobs/mail';
import type { BulkMail } from '../vendors/sendgrid-bulk';
import { type CampaignContent, EMAILS_QUEUE } from './message';
import { type Recipient, unsubscribeLink } from './recipient';

/** Names of steps are stored. This one sends; events bring it back. */
export const SEND = MAIL_STEPS.emails;
export const RECIPIENTS = 'recipients';

/** The job that a request is made for: its events find it by what is sent along. */
export interface Origin {
  id: string;
  /** The job's `time`, ms: says where its events are stored. */
  time: number;
  campaign?: string;
}

/** The one request of a chunk or a single mail. The same job makes the same request of the same recipients each time. */
export function requestOf({
  content: { unsubscribe, categories = [], ...content },
  recipients,
  origin,
}: {
  content: CampaignContent;
  /** Each with their number in the chunk, by which events and records know them. */
  recipients: readonly (Recipient & { number: number })[];
  origin: Origin;
}): BulkMail {
  const { id, time, campaign } = origin;
  const job = { ...mailArgs({ id, queue: EMAILS_QUEUE, time }), ...(campaign ? { campaign } : {}) };
  return {
    ...content,
    categories,
    ...(unsubscribe && 'group' in unsubscribe ? { unsubscribe } : {}),
    recipients: recipients.map(({ email, name, data, number }) => ({
      email,
      name,
      data,
      customArgs: { ...job, recipient: String(number) },
      ...(unsubscribe && 'link' in unsubscribe ? { headers: oneClick(unsubscribeLink(unsubscribe.link, data)) } : {}),
    })),
  };
}

/** RFC 8058: mail programs show a button that needs no visit. */
const oneClick = (link: string) => ({
  'List-Unsubscribe': `<${link}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});
