import type { Evidence } from './row';

/**
 * The queues whose jobs send mails through SendGrid, with the step that sends. Both names are stored, and travel with
 * the mail: they are never renamed.
 */
export const MAIL_STEPS = { emails: 'send', feedback: 'confirmation', testflight: 'notification' } as const;
export type MailQueue = keyof typeof MAIL_STEPS;
export const MAIL_QUEUES = Object.keys(MAIL_STEPS) as MailQueue[];

/** What a mail carries beside its words, and every event about it brings back: it says whose event that is. */
export const mailArgs = ({
  id,
  queue,
  time,
}: {
  id: string;
  queue: MailQueue;
  time: number;
}): Record<string, string> => ({
  job: id,
  queue,
  step: MAIL_STEPS[queue],
  // The job's: decides where the event is stored.
  time: String(time),
});

/** What a step that sends a mail brings where a sign says so instead of the vendor's answer. */
export const sentBySign = ({ event, messageId }: Evidence): { evidence: string; messageId?: string } => ({
  evidence: event,
  ...(messageId ? { messageId } : {}),
});
