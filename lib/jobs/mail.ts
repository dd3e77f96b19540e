import type { Evidence } from './row';

/**
 * The queues whose jobs send mail through SendGrid, and the step that sends it. Both names are stored and travel with
 * the mail, so they must never be renamed.
 */
export const MAIL_STEPS = { emails: 'send', feedback: 'confirmation', testflight: 'notification' } as const;
export type MailQueue = keyof typeof MAIL_STEPS;
export const MAIL_QUEUES = Object.keys(MAIL_STEPS) as MailQueue[];
export const isMailQueue = (queue: string): queue is MailQueue => Object.hasOwn(MAIL_STEPS, queue);

/** Arguments that travel with a mail. SendGrid repeats them in every event, so that we can find the event's job. */
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
  // The job's `time` decides where the event is stored.
  time: String(time),
});

/** The result of a sending step if evidence proves it, instead of the vendor's answer. */
export const sentByEvidence = ({ event, messageId }: Evidence): { evidence: string; messageId?: string } => ({
  evidence: event,
  ...(messageId ? { messageId } : {}),
});
