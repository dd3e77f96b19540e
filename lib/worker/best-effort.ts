import type { Vendor } from '../errors';
import { JobError, WaitError } from '../errors';
import { sentByEvidence } from '../jobs/mail';
import type { RunContext } from './contract';
import { StepUnknownError } from './steps';

export type BestEffort = 'sent' | 'unknown' | `skipped: ${string}`;

/** The wait before the next try at a vendor that is down and does not say for how long. */
const PAUSE_MS = 60_000;

/**
 * Runs a last step that the job can succeed without, for example a mail about it. The step is skipped if the vendor
 * refuses it, and never repeated if its effect is unknown. If the vendor is down or throttles us, the job waits without
 * spending attempts, until at most `limitMs` after the end of the step `after`.
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
    await steps.step<unknown>(step, {
      vendor,
      proven: sentByEvidence,
      run: () => context.vendor(vendor, run, { sender }),
    });
    return 'sent';
  } catch (error) {
    if (error instanceof StepUnknownError) return 'unknown';
    if (!(error instanceof JobError)) throw error;
    if (error.class === 'permanent' || error.class === 'stop') return skipStep(context, step, error.code);
    if (error.class !== 'wait' && error.class !== 'transient') throw error;
    const waitMs = error instanceof WaitError ? error.waitMs : PAUSE_MS;
    const waitedMs = now() - (steps.peek(after)?.endedAt ?? now());
    if (waitedMs + waitMs > limitMs) return skipStep(context, step, error.code);
    // A wait spends no attempt. With attempts, a failing vendor would end the job as dead.
    throw error instanceof WaitError ? error : asWait(error, waitMs);
  }
}

/** Skips a step, and returns how the job's result says so. */
export function skipStep({ steps }: RunContext, step: string, reason: string): `skipped: ${string}` {
  steps.skip(step, reason);
  return `skipped: ${reason}`;
}

const asWait = ({ code, message, vendor }: JobError, waitMs: number): WaitError =>
  new WaitError({ code, message, waitMs, ...(vendor ? { vendor } : {}) });
