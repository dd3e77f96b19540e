import { WaitError } from '../errors';
import type { RateUse, SharedRate } from '../limits/rate';
import type { Clock } from '../ports';
import type { RunContext } from '../worker/contract';

/** The step starts this long before its slot, so that its write does not delay the call. */
const LEAD_MS = 150;
/** The part of the remaining time that a sender may wait. The rest is for the call. */
const WAIT_PART = 2 / 3;

/** A turn to send. The caller awaits `ready` before it starts the step, and `now` right before the call. */
export interface Turn {
  ready(): Promise<void>;
  now(): Promise<void>;
}

/**
 * Reserves a time to send within this invocation. If there is none, it throws a WaitError and the job waits outside.
 * `now` also throws one if the slot was missed, because another job may have it by then.
 */
export async function takeTurn(
  { rate, clock }: { rate: SharedRate; clock: Clock },
  { recipients, use, context }: { recipients: number; use: RateUse; context: Pick<RunContext, 'callTimeoutMs'> },
): Promise<Turn> {
  const withinMs = context.callTimeoutMs(Number.MAX_SAFE_INTEGER) * WAIT_PART;
  const answer = await rate.reserve({ recipients, use, withinMs });
  if (answer.kind === 'later')
    throw new WaitError({
      code: 'NoRateSlot',
      message: 'other jobs have used up the sending rate',
      waitMs: answer.waitMs,
    });
  const { slot } = answer;
  const until = async (at: number) => {
    const waitMs = at - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs);
    if (clock.now() > slot.until) throw missed();
  };
  return { ready: () => until(slot.at - LEAD_MS), now: () => until(slot.at) };
}

const missed = (): WaitError =>
  new WaitError({ code: 'RateSlotMissed', message: 'the time to send has passed', waitMs: 0 });
