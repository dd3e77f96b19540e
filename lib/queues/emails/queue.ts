/** What the rest of the service knows about this queue (lib/queues/queues.ts). All names are stored: never change one. */

export const EMAILS_QUEUE = 'emails';
/** The step that sends. Events name it. */
export const SEND = 'send';

export const campaignKey = (id: string): string => `campaign#${id}`;
/** Campaigns in the index `accepted`, whose keys are the queues of jobs. So no queue may be called `campaign`. */
export const CAMPAIGNS = 'campaign';
/** Which campaign brings this content to this list of recipients. `hash`: of both. */
export const listKey = (hash: string): string => `list#${hash}`;
/** Which recipients of a campaign SendGrid has reported on: a page of mails that were sent after so many resumes. */
export const reportsKey = (campaign: string, round: number, page: number): string =>
  `reports#${campaign}#${round}#${page}`;

export const EMAILS_FACTS = {
  vendors: ['sendgrid'],
  mailStep: SEND,
  /** A list of a million recipients has about 100 MiB. */
  uploads: { mostBytes: 512 * 1024 * 1024 },
} as const;
