import { AmbiguousError, CancelledError, JobError, PausedError, WaitError } from '../errors';
import type { HeldReason } from '../jobs/row';
import { StepUnknownError } from './steps';

/** What to do with a run that threw. Waits are milliseconds. */
export type Decision =
  /** Once more inside this invocation. */
  | { kind: 'again'; waitMs: number; quick: boolean }
  /** The message comes back after the wait. */
  | { kind: 'retry'; waitMs: number; counts: boolean }
  /** The job leaves the queue and comes back by itself. */
  | { kind: 'hold'; reason: HeldReason; waitMs: number; counts: boolean }
  | { kind: 'park' }
  /** The job ends: an operator wants it no more. */
  | { kind: 'cancel' }
  /** Nothing could be written: the message is reported as it is. */
  | { kind: 'report' };

export interface Situation {
  error: unknown;
  /** Counted before this run. */
  attempts: number;
  /** Quick retries that this run has had. */
  quickRetries: number;
  lastReceive: boolean;
  /** Until nothing more may be started. */
  remainingMs: number;
  /** Seconds before the second, third, … attempt. */
  retryWaits: readonly number[];
  /** In [0, 1). */
  fraction: () => number;
}

const QUICK_RETRIES = 2;
const QUICK_WAIT_MS = 300;
/** A wait longer than this costs more Lambda time than leaving the queue. */
const LONGEST_INSIDE_MS = 15_000;
/** ±10 %: enough to spread, little enough that the waits outlast a 15-minute outage. */
const SPREAD = 0.1;

/** The deadline came near before the call could be made: no attempt, and the next invocation has time again. */
export class OutOfTimeError extends WaitError {
  constructor() {
    super({ code: 'OutOfTime', message: 'too little time is left in this invocation', waitMs: 0 });
  }
}

/** The class of an error decides; one that is none of ours is transient. */
export function decide(situation: Situation): Decision {
  const { error, lastReceive, remainingMs } = situation;
  // Not known to have failed: proven, it is a success of this attempt.
  if (error instanceof StepUnknownError) return { kind: 'hold', reason: 'unknown', waitMs: 0, counts: false };
  if (error instanceof PausedError) return { kind: 'hold', reason: 'paused', waitMs: 0, counts: false };
  if (error instanceof CancelledError) return { kind: 'cancel' };
  if (error instanceof OutOfTimeError) {
    if (lastReceive) return { kind: 'hold', reason: 'retry', waitMs: 0, counts: false };
    return { kind: 'retry', waitMs: 0, counts: false };
  }
  switch (error instanceof JobError ? error.class : 'transient') {
    case 'permanent':
      return { kind: 'park' };
    case 'stop':
      return { kind: 'hold', reason: 'stopped', waitMs: 0, counts: false };
    case 'store':
      return { kind: 'report' };
    case 'wait': {
      const waitMs = error instanceof WaitError ? error.waitMs : 0;
      if (waitMs <= Math.min(remainingMs, LONGEST_INSIDE_MS)) return { kind: 'again', waitMs, quick: false };
      return { kind: 'hold', reason: 'throttled', waitMs, counts: false };
    }
    default:
      return transient(situation);
  }
}

function transient(situation: Situation): Decision {
  const { error, attempts, quickRetries, lastReceive, remainingMs, retryWaits, fraction } = situation;
  const askAfterMs = error instanceof AmbiguousError ? error.askAfterMs : 0;
  const quickMs = QUICK_WAIT_MS * 2 ** quickRetries * (0.5 + fraction());
  if (quickRetries < QUICK_RETRIES && askAfterMs <= quickMs && quickMs < remainingMs)
    return { kind: 'again', waitMs: quickMs, quick: true };
  // A last attempt that may have taken effect is no reason to park: one more run asks the vendor.
  const asks = error instanceof AmbiguousError && attempts === retryWaits.length;
  const seconds = asks ? retryWaits.at(-1) : retryWaits[attempts];
  if (seconds === undefined) return { kind: 'park' };
  const waitMs = Math.max(askAfterMs, Math.round(seconds * 1000 * (1 - SPREAD + 2 * SPREAD * fraction())));
  if (lastReceive) return { kind: 'hold', reason: 'retry', waitMs, counts: true };
  return { kind: 'retry', waitMs, counts: true };
}
