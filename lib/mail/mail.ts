import { type JobRow, provenResult, traceOf } from '../engine/jobs/row';
import type { RunContext } from '../engine/worker/contract';
import { mayHaveHappened } from '../engine/worker/steps';
import { ignoreStoreError, StopError, WaitError } from '../platform/errors';
import type { Clock } from '../platform/ports';
import { LEAD_MS, type RateUse, type SharedRate } from './rate';
import type { Mail, Sendgrid, Sent } from './sendgrid';

/** Arguments that travel with a mail. SendGrid repeats them in every event, so that we can find the event's job. */
export const mailArgs = ({ id, queue, step, time }: { id: string; queue: string; step: string; time: number }) => ({
  job: id,
  queue,
  step,
  // The job's `time` decides where the event is stored.
  time: String(time),
});

/** What the mails of an instance to its users have in common. */
export interface OwnMails {
  from: { email: string; name?: string };
  /** A dynamic template of SendGrid. Without one the mail has the built-in text. */
  templateId?: string | undefined;
  /** The name in the built-in text. */
  brand: string;
}

interface OwnMail extends Record<'queue' | 'step' | 'subject', string> {
  to: { email: string; name?: string | undefined };
  /** For a template. Without one the mail has the subject, and these paragraphs as its text. */
  words: Record<string, string>;
  text: readonly (string | undefined)[];
}

/** The mail of a job to one person. */
export function ownMail(
  { from, templateId }: Omit<OwnMails, 'brand'>,
  { id, row }: { id: string; row: Pick<JobRow, 'time' | 'correlationId' | 'traceparent'> },
  { queue, step, to, words, subject, text }: OwnMail,
): Mail {
  const customArgs = { ...mailArgs({ id, queue, step, time: row.time }), ...traceOf(row) };
  const recipient = { email: to.email, name: to.name, customArgs };
  const categories = [`${queue}-${step}`];
  if (templateId !== undefined) return { from, categories, templateId, recipients: [{ ...recipient, data: words }] };
  const paragraphs = [to.name ? `Hello ${to.name},` : 'Hello,', ...text].filter((part) => part !== undefined);
  return { from, categories, recipients: [recipient], subject, text: paragraphs.join('\n\n') };
}

/** `evidence`: there was no answer, but an event proves that SendGrid has the mails. */
export type ProvenSent = Sent & { evidence?: string };

export interface MailDeps {
  sendgrid: Sendgrid;
  rate: SharedRate;
  clock: Clock;
}

/**
 * Notes that a promised mail is all that is left of the job: from now on nothing ends the job as dead (decide.ts).
 * `result`: the job's without it. Whatever may keep the mail from being sent comes after this.
 */
export const oweMail = (
  { steps, now }: RunContext,
  step: string,
  { result, waitMs }: { result: object; waitMs: number },
) => steps.owe({ step, vendor: 'sendgrid', result, until: now() + waitMs });

/** Sends the mail that is owed. One that may have been sent is never repeated. */
export async function sendOwed(deps: MailDeps, context: RunContext, step: string, mail: Mail): Promise<'sent'> {
  const before = context.steps.peek(step);
  await (before ? sentBefore(context, step) : sendPaced(deps, context, { step, use: 'message', mail }));
  return 'sent';
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

/** The part of the time without the call that a worker may wait. The rest is for writes and a late wake. */
const WAIT_PART = 0.9;

/**
 * Sends a request as a step that has not started yet, in a slot of the rate that all workers share. Without a slot
 * within this invocation it rejects with a WaitError, and the job waits outside. So it does if it misses its slot, which
 * another job may have by then, or if an operator has changed the rate. A 429 makes all workers wait.
 */
export async function sendPaced(
  { sendgrid, rate, clock }: MailDeps,
  { steps, vendor, callTimeoutMs, remainingMs }: RunContext,
  { step, use, mail, callMs, check }: Paced,
): Promise<ProvenSent> {
  const withinMs = (remainingMs() - callTimeoutMs(callMs)) * WAIT_PART;
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
      // If this write fails, other workers get their own 429.
      if (error instanceof WaitError) await rate.block(error.waitMs).catch(ignoreStoreError);
      throw error;
    });
  };
  try {
    await until(slot.at - LEAD_MS);
    await check?.();
    return await steps.step<ProvenSent>(step, {
      vendor: 'sendgrid',
      proven: provenResult,
      run: () => vendor('sendgrid', call, { identity: mail.from.email }),
    });
  } catch (error) {
    // If this write fails, the day ends a little early.
    if (!mayHaveHappened(error)) await rate.uncount(slot, mail.recipients.length).catch(ignoreStoreError);
    throw error;
  }
}

/** The end of a step that has started before: it is done, proven or unknown. It is never repeated. */
export const sentBefore = ({ steps }: RunContext, step: string): Promise<ProvenSent> =>
  steps.step<ProvenSent>(step, {
    proven: provenResult,
    run: () => Promise.reject(new StopError({ code: 'SentBefore', message: 'a step that has started is over' })),
  });
