import type { Item } from '../ports';
import { evidenceKey, todoKey } from './keys';
import type { Evidence } from './row';
import { ROW_LIFETIME_MS } from './schedule';

/** The queues whose jobs send mail through SendGrid, and the step that does it. Never rename them: they are stored. */
export const MAIL_STEPS = { emails: 'send', feedback: 'confirmation', testflight: 'notification' } as const;
export type MailQueue = keyof typeof MAIL_STEPS;
export const MAIL_QUEUES = Object.keys(MAIL_STEPS) as MailQueue[];
export const isMailQueue = (queue: string): queue is MailQueue => Object.hasOwn(MAIL_STEPS, queue);

/** Arguments that travel with a mail. SendGrid repeats them in every event, so that we can find the event's job. */
export const mailArgs = ({ id, queue, time }: { id: string; queue: MailQueue; time: number }) => ({
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

/**
 * The item of evidence that a vendor's event brought. The function that takes events faces the internet and may write
 * no row, so the reconciler writes the evidence into the row (lib/reconcile/fold-evidence.ts).
 */
export const evidenceItem = (queue: MailQueue, id: string, evidence: Evidence): Item => ({
  key: evidenceKey(queue, MAIL_STEPS[queue], id),
  version: 0,
  writer: '',
  evidence,
  todo: todoKey(queue, 'evidence'),
  todoAt: evidence.at,
  expiresAt: Math.ceil((evidence.at + ROW_LIFETIME_MS) / 1000),
});
