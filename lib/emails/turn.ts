import { WaitError } from '../errors';
import type { RateUse, SharedRate, Slot } from '../limits/rate';
import type { Clock } from '../ports';
import type { RunContext } from '../worker/contract';

/** The step is written down this long before its time, so that the call itself is punctual. */
const LEAD_MS = 150;
/** Of the time that is left, the part that a sender may wait; the rest is for the call. */
const WAIT_PART = 2 / 3;

/** A turn to send: `ready` before the step is written down, `now` right before the call. */
export interface Turn {
  ready(): Promise<void>;
  now(): Promise<void>;
}

/**
 * Reserves the time to send at. Only what fits into this invocation is reserved; else it throws a WaitError, and the
 * job waits outside. `now` throws one as well where the slot was missed: it may be another's by then.
 */
export async function takeTurn(
  { rate, clock }: { rate: SharedRate; clock: Clock },
  { recipients, use, context }: { recipients: number; use: RateUse; context: Pick<RunContext, 'callTimeoutMs'> },
): Promise<Turn> {
  const withinMs = context.callTimeoutMs(Number.MAX_SAFE_INTEGER) * WAIT_PART;
  const answer = await rate.reserve({ recipients, use, withinMs });
  if (answer.kind === 'later')
    throw new WaitError({ code: 'NoRateSlot', message: 'others have the sending rate', waitMs: answer.waitMs });
  const { slot } = answer;
  const until = async (at: number) => {
    const waitMs = at - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs);
    if (clock.now() > slot.until) throw missed(slot);
  };
  return { ready: () => until(slot.at - LEAD_MS), now: () => until(slot.at) };
}

const missed = (_slot: Slot): WaitError =>
  new WaitError({ code: 'RateSlotMissed', message: 'the time to send has passed', waitMs: 0 });
