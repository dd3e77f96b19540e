import type { Step } from '../jobs/row';
import type { Mail } from '../vendors/sendgrid';
import { MAIL_STEPS, mailArgs } from '../worker/mail';
import { type CampaignContent, EMAILS_QUEUE } from './message';
import { type Recipient, unsubscribeLink } from './recipients';
import type { SuppressionReason } from './suppression';

/** The step that sends. Step names are stored, and events name this step. */
export const SEND = MAIL_STEPS.emails;
export const RECIPIENTS = 'recipients';
/** The step that stores the recipients that SendGrid refused individually. */
export const EXCLUDED = 'excluded';

/** Recipients left out of a job's request. SendGrid named their addresses and sent none of the mails. */
export interface Excluded {
  /** The recipients' numbers in their chunk, in order. */
  recipients: number[];
  code: string;
  /** Requests refused like this in this generation of the job. */
  requests: number;
  generation: number;
}

/** The step that stores who got no mail because of the suppression list: numbers in the chunk, by reason. */
export const SUPPRESSED = 'suppressed';

export const suppressedOf = (step: Step | undefined): Partial<Record<SuppressionReason, number[]>> =>
  step?.status === 'done' ? (step.result as Partial<Record<SuppressionReason, number[]>>) : {};

export const excludedOf = (step: Step | undefined): Excluded | undefined =>
  step?.status === 'done' ? (step.result as Excluded) : undefined;

export interface RecipientOutcome {
  /** SendGrid's answer, or ours. Events report what happens to a mail later. */
  status: 'accepted' | 'refused' | 'suppressed';
  messageId?: string | undefined;
  /** Why: the code of the error, or the reason in the suppression list. */
  code?: string;
  field?: string;
}

/** The outcomes of recipients that differ from their job's, by number. `peek` returns a step of the job. */
export function outcomesApart(peek: (step: string) => Step | undefined): Map<number, RecipientOutcome> {
  const { recipients = [], code = '' } = excludedOf(peek(EXCLUDED)) ?? {};
  const refused = recipients.map((number) => [number, { status: 'refused', code, field: 'to' }] as const);
  const suppressed = Object.entries(suppressedOf(peek(SUPPRESSED))).flatMap(([reason, numbers]) =>
    numbers.map((number) => [number, { status: 'suppressed', code: reason }] as const),
  );
  return new Map<number, RecipientOutcome>([...refused, ...suppressed]);
}

/** The job of a request. The request carries its ids, so that events find the job. */
export interface Origin {
  id: string;
  /** The job's `time`, ms. It determines where the job's events are stored. */
  time: number;
  campaign?: string;
  /** Of a campaign: the number of its chunk, and how often the campaign had been resumed. */
  chunk?: number;
  round?: number;
  /** What the caller follows the mail or its campaign by. */
  trace?: Record<string, string>;
}

/** Builds the one request of a chunk or a single mail. The same job and recipients always give the same request. */
export function requestOf({
  content: { unsubscribe, categories = [], ...content },
  recipients,
  origin,
}: {
  content: CampaignContent;
  /** Each recipient has their number in the chunk. Events and records use that number. */
  recipients: readonly (Recipient & { number: number })[];
  origin: Origin;
}): Mail {
  const { id, time, campaign, chunk, round = 0, trace } = origin;
  const ofCampaign = campaign ? { campaign, chunk: String(chunk), round: String(round) } : {};
  const job = { ...mailArgs({ id, queue: EMAILS_QUEUE, time }), ...ofCampaign, ...trace };
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

/** RFC 8058: mail programs show an unsubscribe button that works without a visit to a page. */
const oneClick = (link: string) => ({
  'List-Unsubscribe': `<${link}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});
