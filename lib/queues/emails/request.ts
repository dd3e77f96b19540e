import type { Step } from '../../engine/jobs/row';
import { mailArgs } from '../../mail/mail';
import type { Mail } from '../../mail/sendgrid';
import type { CampaignContent } from './message';
import { mergeOf } from './placeholders';
import { EMAILS_QUEUE, SEND } from './queue';
import type { Recipient } from './recipients';

/** The steps that store whom SendGrid refused (`excluded`) or the list suppressed, and the outcome of these recipients. */
const LEFT_OUT = { excluded: 'refused', suppressed: 'suppressed' } as const;

/** The result of such a step: recipients' numbers in their chunk, by error code or by reason of the list. */
export type LeftOut = Record<string, number[]>;

/** `peek` returns a step of the job. */
export const leftOutBy = (step: keyof typeof LEFT_OUT, peek: (step: string) => Step | undefined): LeftOut =>
  (peek(step)?.result ?? {}) as LeftOut;

/** The outcomes of recipients that differ from their job's, by number. */
export function outcomesApart(peek: (step: string) => Step | undefined) {
  const apart = new Map<number, { status: 'refused' | 'suppressed'; code: string }>();
  for (const step of ['excluded', 'suppressed'] as const)
    for (const [code, numbers] of Object.entries(leftOutBy(step, peek)))
      for (const number of numbers) apart.set(number, { status: LEFT_OUT[step], code });
  return apart;
}

/** The job of a request. The request carries its ids, so that events find the job. */
export interface Origin {
  id: string;
  /** The job's `time`, ms. It determines where the job's events are stored. */
  time: number;
  campaign?: string;
  /** Of a campaign: the number of its recipients before this chunk, and how often it had been resumed. */
  first?: number;
  round?: number;
  /** What the caller follows the mail or its campaign by. */
  trace?: Record<string, string>;
}

/** Builds the one request of a chunk or a single mail. The same job and recipients always give the same request. */
export function requestOf({
  content,
  recipients,
  origin,
}: {
  content: CampaignContent;
  /** Each recipient has their number in the chunk. Events and records use that number. */
  recipients: readonly (Recipient & { number: number })[];
  origin: Origin;
}): Mail {
  const { unsubscribe, categories = [], templateKeys: _, ...whole } = content;
  const merge = mergeOf(content);
  const { id, time, campaign, first, round = 0, trace } = origin;
  const ofCampaign = campaign ? { campaign, first: String(first), round: String(round) } : {};
  const job = { ...mailArgs({ id, queue: EMAILS_QUEUE, step: SEND, time }), ...ofCampaign, ...trace };
  return {
    ...whole,
    ...merge.content,
    categories: campaign === undefined ? categories : [...categories, campaign],
    ...(unsubscribe && 'group' in unsubscribe ? { unsubscribe } : {}),
    recipients: recipients.map(({ email, name, data, number }) => ({
      email,
      name,
      data: merge.dataFor({ name, data }),
      customArgs: { ...job, recipient: String(number) },
      ...(unsubscribe && 'link' in unsubscribe ? { headers: oneClick(merge.linkFor({ name, data })) } : {}),
    })),
  };
}

/** RFC 8058: mail programs show an unsubscribe button that works without a visit to a page. */
const oneClick = (link: string) => ({
  'List-Unsubscribe': `<${link}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});
