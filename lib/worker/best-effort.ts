import type { Vendor } from '../errors';
import { JobError, WaitError } from '../errors';
import { sentBySign } from '../jobs/mail';
import type { RunContext } from './contract';
import { StepUnknownError } from './steps';

export type BestEffort = 'sent' | 'unknown' | `skipped: ${string}`;

/** Pause before another try where the vendor is down and does not say for how long. */
const PAUSE_MS = 60_000;

/**
 * A last step that the job's success does not hang on: a mail about it. Whatever becomes of it, the step says
 * so and the job goes on: refused or stopped it is skipped, and one whose end nobody can tell is not repeated. A vendor
 * that is down or throttles is waited for, without spending attempts, `limitMs` after the step `after` at most.
 */
export async function bestEffort(
  context: RunContext,
  {
    step,
    after,
    vendor,
    sender,
    limitMs,
    run,
  }: { step: string; after: string; vendor: Vendor; sender: string; limitMs: number; run: () => Promise<unknown> },
): Promise<BestEffort> {
  const { steps, now } = context;
  const before = steps.peek(step);
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  try {
    await steps.step<unknown>(step, { proven: sentBySign, run: () => context.vendor(vendor, run, { sender }) });
    return 'sent';
  } catch (error) {
    if (error instanceof StepUnknownError) return 'unknown';
    if (!(error instanceof JobError)) throw error;
    if (error.class === 'permanent' || error.class === 'stop') return skipStep(context, step, error.code);
    if (error.class !== 'wait' && error.class !== 'transient') throw error;
    const waitMs = error instanceof WaitError ? error.waitMs : PAUSE_MS;
    const waitedMs = now() - (steps.peek(after)?.endedAt ?? now());
    if (waitedMs + waitMs > limitMs) return skipStep(context, step, error.code);
    // An attempt too many would end the job as dead: a failing vendor is waited for like one that asks to.
    throw error instanceof WaitError ? error : asWait(error, waitMs);
  }
}

/** Ends a step without its effect, and says so. */
export function skipStep({ steps }: RunContext, step: string, reason: string): `skipped: ${string}` {
  steps.skip(step, reason);
  return `skipped: ${reason}`;
}

const asWait = ({ code, message, vendor }: JobError, waitMs: number): WaitError =>
  new WaitError({ code, message, waitMs, ...(vendor ? { vendor } : {}) });
