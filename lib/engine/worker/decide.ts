import { AmbiguousError, codeOf, JobError, VerdictError, WaitError } from '../../platform/errors';
import { type HeldReason, VENDOR_PAUSED } from '../jobs/row';
import { mayBeAboutUs } from './gate';

/** What to do after a run threw. Waits are in milliseconds. `counts`: whether the run was an attempt. */
export type Decision =
  /** The job runs again in this invocation. */
  | { kind: 'again'; waitMs: number; quick: boolean }
  /** The message comes back after the wait. */
  | { kind: 'retry'; waitMs: number; counts: boolean }
  /** The job leaves the queue until the reconciler releases it. */
  | { kind: 'hold'; reason: HeldReason; waitMs: number; counts: boolean }
  | { kind: 'park' /** In place of what the run threw. */; error?: JobError }
  /** The job ends as succeeded without what it owes, which is all that is left of it. */
  | { kind: 'giveUp'; code: string }
  /** The attempts are spent. The job is parked, unless its vendor is down for others too. */
  | { kind: 'spent' }
  /** The job's parent was cancelled, or a later command replaced the job: `note` names its job. */
  | { kind: 'cancel'; reason: 'operator' | 'superseded'; note?: string | undefined }
  /** Nothing could be written, so the message goes back to SQS. */
  | { kind: 'report' };

export interface Situation {
  error: unknown;
  attempts: number;
  /** Whether a step was started, by this run or an earlier one, and it is not known yet whether it took effect. */
  openStep: boolean;
  /** Whether a step was open when this run began, so that the run has asked the vendor. */
  asked: boolean;
  quickRetries: number;
  /** How long this run has waited in all. */
  waitedMs: number;
  lastReceive: boolean;
  /** Time until the run may start nothing more. */
  remainingMs: number;
  retryWaits: readonly number[];
  fraction: () => number;
  /** How long the job may still wait for what it owes, if that is all that is left of it. */
  owedMs?: number | undefined;
}

const QUICK_RETRIES = 2;
const QUICK_WAIT_MS = 300;
/** If its waits in all are longer than this, a run costs more Lambda time than leaving the queue. */
const LONGEST_INSIDE_MS = 15_000;
/** ±10 % spreads the jobs, and the waits still outlast an outage of 15 minutes. */
const SPREAD = 0.1;

/** Decides by the class of the error. An error that is not ours is transient. */
export function decide({ owedMs, ...situation }: Situation): Decision {
  const usual = byClass(situation);
  return owedMs === undefined ? usual : withOnlyOwedLeft(situation.error, usual, owedMs);
}

/** The wait before the next try at a vendor that is down and does not say for how long. */
const OWED_WAIT_MS = 60_000;

/** No error ends such a job as dead. It waits outside its queue, and ends without what it owes once that has waited enough. */
function withOnlyOwedLeft(error: unknown, usual: Decision, owedMs: number): Decision {
  const verdict = error instanceof VerdictError ? error.verdict : undefined;
  if (usual.kind === 'again' || usual.kind === 'report' || verdict === 'outOfTime') return usual;
  const cause = error instanceof JobError && error.cause instanceof JobError ? error.cause : error;
  const code = codeOf(cause);
  // A 403 without a field may be about us, and then others may open the circuit.
  const isRefused = usual.kind === 'park' && !mayBeAboutUs(error);
  if (isRefused || usual.kind === 'cancel' || verdict === 'unknown') return { kind: 'giveUp', code };
  // How long it waits then is an operator's decision.
  if (codeOf(error) === VENDOR_PAUSED) return usual;
  if (owedMs <= 0) return { kind: 'giveUp', code };
  if (usual.kind === 'hold') return { ...usual, waitMs: Math.min(usual.waitMs, owedMs) };
  return { kind: 'hold', reason: 'retry', waitMs: Math.min(OWED_WAIT_MS, owedMs), counts: true };
}

function byClass(situation: Omit<Situation, 'owedMs'>): Decision {
  const { error, lastReceive, remainingMs } = situation;
  if (error instanceof VerdictError) return byVerdict(error, lastReceive);
  switch (error instanceof JobError ? error.class : 'transient') {
    case 'permanent':
      return { kind: 'park' };
    case 'stop':
      return { kind: 'hold', reason: 'stopped', waitMs: 0, counts: false };
    case 'store':
      return { kind: 'report' };
    case 'wait': {
      const waitMs = error instanceof WaitError ? error.waitMs : 0;
      // Jobs that were told to wait together must not come back together.
      const spreadMs = waitMs * (1 + SPREAD * situation.fraction());
      if (spreadMs <= Math.min(remainingMs, LONGEST_INSIDE_MS - situation.waitedMs))
        return { kind: 'again', waitMs: spreadMs, quick: false };
      return { kind: 'hold', reason: 'throttled', waitMs, counts: false };
    }
    default:
      return transient(situation);
  }
}

function byVerdict({ verdict, by }: VerdictError, lastReceive: boolean): Decision {
  const now = { waitMs: 0, counts: false };
  switch (verdict) {
    case 'unknown':
      // The step may have worked. If evidence proves that, it was a success of this attempt.
      return { kind: 'hold', reason: 'unknown', ...now };
    case 'paused':
      return { kind: 'hold', reason: 'paused', ...now };
    case 'cancelled':
      return { kind: 'cancel', reason: 'operator' };
    case 'superseded':
      return { kind: 'cancel', reason: 'superseded', note: by };
    case 'outOfTime':
      return lastReceive ? { kind: 'hold', reason: 'retry', ...now } : { kind: 'retry', ...now };
  }
}

function transient(situation: Omit<Situation, 'owedMs'>): Decision {
  const { error, attempts, openStep, asked, quickRetries, lastReceive, remainingMs, retryWaits, fraction } = situation;
  const quickMs = QUICK_WAIT_MS * 2 ** quickRetries * (0.5 + fraction());
  if (quickRetries < QUICK_RETRIES && quickMs < remainingMs) return { kind: 'again', waitMs: quickMs, quick: true };
  // A job that may have taken effect does not end with its last attempt. It gets one more run, which asks the vendor.
  // Crashes and a shorter setting can spend the attempts before a run has asked.
  const asks =
    (openStep || error instanceof AmbiguousError) &&
    (attempts === retryWaits.length || (attempts > retryWaits.length && openStep && !asked));
  const seconds = asks ? retryWaits.at(-1) : retryWaits[attempts];
  if (seconds === undefined) return { kind: 'spent' };
  const waitMs = Math.round(seconds * 1000 * (1 - SPREAD + 2 * SPREAD * fraction()));
  if (lastReceive) return { kind: 'hold', reason: 'retry', waitMs, counts: true };
  return { kind: 'retry', waitMs, counts: true };
}
