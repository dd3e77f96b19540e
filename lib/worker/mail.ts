import { ignoreStoreError, JobError, StopError, WaitError } from '../errors';
import type { Evidence } from '../jobs/row';
import type { Clock } from '../ports';
import type { Mail, Sendgrid, Sent } from '../vendors/sendgrid';
import { VENDOR_DOWN, VENDOR_PAUSED } from './circuit';
import type { RunContext } from './contract';
import { OutOfTimeError } from './decide';
import { LEAD_MS, type RateUse, type SharedRate } from './rate';
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

/** `evidence`: there was no answer, but an event proves that SendGrid has the mails. */
export type ProvenSent = Sent & { evidence?: string };

/** The result of a sending step if evidence proves it, instead of the vendor's answer. */
export const sentByEvidence = ({ event, messageId }: Evidence): ProvenSent => ({
  evidence: event,
  ...(messageId ? { messageId } : {}),
});

export interface MailDeps {
  sendgrid: Sendgrid;
  rate: SharedRate;
  clock: Clock;
}

type BestEffort = 'sent' | 'unknown' | `skipped: ${string}`;

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
  const { steps, now } = context;
  const before = steps.peek(step);
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  try {
    await (before ? sentBefore(context, step) : sendPaced(deps, context, { step, use: 'message', mail }));
    return 'sent';
  } catch (error) {
    if (error instanceof StepUnknownError) return 'unknown';
    if (!(error instanceof JobError)) throw error;
    // How long the mail waits then is an operator's decision.
    if (error.code === VENDOR_PAUSED) throw error;
    // A vendor that is down stops its circuit too, and may work again in time.
    const refuses = error.class === 'stop' && error.code !== VENDOR_DOWN;
    if (error.class === 'permanent' || refuses) return skipStep(context, step, error.code);
    if (!['wait', 'transient', 'stop'].includes(error.class)) throw error;
    const waitMs = error instanceof WaitError ? error.waitMs : PAUSE_MS;
    const waitedMs = now() - (steps.peek(after)?.endedAt ?? now());
    if (waitedMs + waitMs > limitMs) return skipStep(context, step, error.code);
    // A wait spends no attempt. With attempts, a failing vendor would end the job as dead. Without the vendor, the job
    // does not wait for its circuit.
    throw error instanceof OutOfTimeError ? error : new WaitError({ code: error.code, message: error.message, waitMs });
  }
}

export function skipStep({ steps }: RunContext, step: string, reason: string): `skipped: ${string}` {
  steps.skip(step, reason);
  return `skipped: ${reason}`;
}

export interface Paced {
  step: string;
  use: RateUse;
  mail: Mail;
  callMs?: number;
  /** Runs after the wait for a slot. It throws if the mail must not be sent any more. */
  check?: () => Promise<void>;
}

/** The part of the remaining time that a sender may wait. The rest is for the call. */
const WAIT_PART = 2 / 3;

/**
 * Sends a request as a step that has not started yet, in a slot of the rate that all senders share. Without a slot
 * within this invocation it rejects with a WaitError, and the job waits outside. So it does if it misses its slot, which
 * another job may have by then, or if an operator has changed the rate. A 429 makes all senders wait.
 */
export async function sendPaced(
  { sendgrid, rate, clock }: MailDeps,
  { steps, vendor, callTimeoutMs }: RunContext,
  { step, use, mail, callMs, check }: Paced,
): Promise<ProvenSent> {
  const withinMs = callTimeoutMs(Number.MAX_SAFE_INTEGER) * WAIT_PART;
  const answer = await rate.reserve({ recipients: mail.recipients.length, use, withinMs });
  if (answer.kind === 'later')
    throw new WaitError({ code: 'NoRateSlot', message: 'no slot of the sending rate is free', ...answer });
  const { slot } = answer;
  const until = async (at: number) => {
    const waitMs = at - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs);
    if (clock.now() > slot.until || slot.rate !== rate.inUse())
      throw new WaitError({ code: 'RateSlotMissed', message: 'the time to send has passed', waitMs: 0 });
  };
  const call = async () => {
    await until(slot.at);
    return sendgrid.send(mail, { timeoutMs: callTimeoutMs(callMs) }).catch(async (error: unknown) => {
      // If this write fails, other senders get their own 429.
      if (error instanceof WaitError) await rate.block(error.waitMs).catch(ignoreStoreError);
      throw error;
    });
  };
  await until(slot.at - LEAD_MS);
  await check?.();
  return steps.step<ProvenSent>(step, {
    vendor: 'sendgrid',
    proven: sentByEvidence,
    run: () => vendor('sendgrid', call, { sender: mail.from.email }),
  });
}

/** The end of a step that has started before: it is done, proven or unknown. It is never repeated. */
export const sentBefore = ({ steps }: RunContext, step: string): Promise<ProvenSent> =>
  steps.step<ProvenSent>(step, {
    proven: sentByEvidence,
    run: () => Promise.reject(new StopError({ code: 'SentBefore', message: 'a step that has started is over' })),
  });
