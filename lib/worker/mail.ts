import { ignoreStoreError, JobError, StoreError, TransientError, WaitError } from '../errors';
import type { Evidence } from '../jobs/row';
import type { Clock } from '../ports';
import type { CallOptions } from '../vendors/http';
import type { Mail, Sendgrid, Sent } from '../vendors/sendgrid';
import { VENDOR_PAUSED } from './circuit';
import type { RunContext } from './contract';
import type { SharedRate } from './rate';
import { StepUnknownError } from './steps';

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

export interface MailDeps {
  sendgrid: Sendgrid;
  rate: SharedRate;
  clock: Clock;
}

export type BestEffort = 'sent' | 'unknown' | `skipped: ${string}`;

/** The wait before the next try at a vendor that is down and does not say for how long. */
const PAUSE_MS = 60_000;

/**
 * Sends a mail about a job as its last step, without which the job can succeed. The step is skipped if SendGrid refuses
 * it, and never repeated if its effect is unknown. If SendGrid is down or throttles us, the job waits without spending
 * attempts, until at most `limitMs` after the end of the step `after`.
 */
export async function mailOrSkip(
  deps: MailDeps,
  context: RunContext,
  { step, after, limitMs, mail }: { step: string; after: string; limitMs: number; mail: Mail },
): Promise<BestEffort> {
  const { steps, vendor, callTimeoutMs, now } = context;
  const before = steps.peek(step);
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  const call = () => sendPaced(deps, mail, { timeoutMs: callTimeoutMs() });
  try {
    await steps.step<unknown>(step, {
      vendor: 'sendgrid',
      proven: sentByEvidence,
      run: () => vendor('sendgrid', call, { sender: mail.from.email }),
    });
    return 'sent';
  } catch (error) {
    if (error instanceof StepUnknownError) return 'unknown';
    if (!(error instanceof JobError)) throw error;
    // How long the mail waits then is an operator's decision.
    if (error.code === VENDOR_PAUSED) throw error;
    if (error.class === 'permanent' || error.class === 'stop') return skipStep(context, step, error.code);
    if (error.class !== 'wait' && error.class !== 'transient') throw error;
    const waitMs = error instanceof WaitError ? error.waitMs : PAUSE_MS;
    const waitedMs = now() - (steps.peek(after)?.endedAt ?? now());
    if (waitedMs + waitMs > limitMs) return skipStep(context, step, error.code);
    // A wait spends no attempt. With attempts, a failing vendor would end the job as dead.
    const { code, message, vendor } = error;
    throw error instanceof WaitError ? error : new WaitError({ code, message, waitMs, vendor });
  }
}

/** Skips a step, and returns how the job's result says so. */
export function skipStep({ steps }: RunContext, step: string, reason: string): `skipped: ${string}` {
  steps.skip(step, reason);
  return `skipped: ${reason}`;
}

/** A mail waits this long in the function. If the rate has no slot by then, its job waits outside. */
const LONGEST_WAIT_MS = 2_000;

/** Sends a mail at the rate that all senders share. Without a slot it rejects with a WaitError and sends nothing. */
export async function sendPaced({ sendgrid, rate, clock }: MailDeps, mail: Mail, options: CallOptions): Promise<Sent> {
  const withinMs = Math.min(LONGEST_WAIT_MS, options.timeoutMs / 2);
  const answer = await rate.reserve({ recipients: 1, use: 'message', withinMs }).catch((cause: unknown) => {
    if (!(cause instanceof StoreError)) throw cause;
    // A StoreError would report the whole message as failed. But only the rate failed, and nothing was sent.
    throw new TransientError({ code: 'RateUnavailable', message: 'the sending rate could not be reserved', cause });
  });
  if (answer.kind === 'later')
    throw new WaitError({ code: 'NoRateSlot', message: 'no slot of the sending rate is free', waitMs: answer.waitMs });
  const waitMs = Math.max(0, answer.slot.at - clock.now());
  if (waitMs > 0) await clock.sleep(waitMs);
  try {
    return await sendgrid.send(mail, { timeoutMs: options.timeoutMs - waitMs });
  } catch (error) {
    // If this write fails, other senders get their own 429.
    if (error instanceof WaitError) await rate.block(error.waitMs).catch(ignoreStoreError);
    throw error;
  }
}
